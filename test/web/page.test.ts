import { mkdirSync } from 'node:fs';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { patient } from '../support/patience.js';
import { breaches, openBrowser, visit } from './browser.js';
import { imageFile, Service } from './service.js';

/* The tests follow each other: what one asked for, the next finds. */

let browser: Browser;
let service: Service;
let stopServing: () => Promise<void>;
let stopDrawing: () => Promise<void>;
beforeAll(async () => {
  [browser, service] = await Promise.all([openBrowser(), Service.start()]);
  stopServing = await service.serve();
});
afterAll(async () => {
  await browser?.close();
  await service?.close();
});

/** Pictures of the page as it was, where VIMI_SCREENSHOTS says. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.VIMI_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: `${folder}/${name}.png` });
}

const state = (page: Page) => page.locator('#job-state');
/** Entries of the list, as they are read. */
const listed = (page: Page) => page.locator('#queue-list li').allInnerTexts();
async function says(page: Page, words: string | RegExp): Promise<void> {
  await vi.waitFor(async () => expect(await state(page).innerText()).toMatch(words), patient);
}
async function ask(page: Page, prompt: string): Promise<string> {
  await page.getByLabel('What should it show?').fill(prompt);
  await page.getByRole('button', { name: 'Make the video' }).click();
  await page.getByRole('heading', { name: prompt }).waitFor();
  return jobIn(page);
}
/** The job that the address names. */
function jobIn(page: Page): string {
  return new URL(page.url()).searchParams.get('job')!;
}

/** Drops a file on a part of the page. */
async function dropped(page: Page, selector: string, { name, text }: { name: string; text: string }): Promise<void> {
  const files = await page.evaluateHandle(
    ([name, text]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([text!], name!, { type: 'image/png' }));
      return transfer;
    },
    [name, text],
  );
  await page.dispatchEvent(selector, 'drop', { dataTransfer: files });
}

/** Waits until an image is drawn. */
async function seen(image: Locator): Promise<void> {
  await vi.waitFor(
    async () => expect(await image.evaluate((one: HTMLImageElement) => one.naturalWidth)).toBeGreaterThan(0),
    patient,
  );
}

describe('the page', patient, () => {
  it('asks, waits in line, cancels, watches, is loaded again in the middle, and plays what was made', async () => {
    const { page, broken } = await visit(browser, service.url);
    await page.getByText('Nobody has asked for one yet.').waitFor();
    const statue = await ask(page, 'a statue of a fox');
    await says(page, 'Waiting, next in line');
    await ask(page, 'a red balloon rises');
    await says(page, 'Waiting, number 2 in line');
    await ask(page, 'an anchor');
    await says(page, 'Waiting, number 3 in line');
    await vi.waitFor(async () => expect(await listed(page)).toHaveLength(3), patient);
    expect(await page.locator('#queue-list [aria-current]').innerText()).toContain('an anchor');
    await picture(page, 'waiting');
    await page.getByRole('link', { name: 'a red balloon rises' }).click();
    await page.getByRole('heading', { name: 'a red balloon rises' }).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await says(page, 'Cancelling');
    await page.getByRole('link', { name: 'an anchor' }).click();

    stopDrawing = await service.draw();
    await says(page, /^Done$/);
    // The address names the job: another browser, that was told of it, sees the same.
    await page.getByRole('link', { name: 'a statue of a fox' }).click();
    expect(new URL(page.url()).searchParams.get('job')).toBe(statue);
    await says(page, /^Drawing$/);
    // The list knows at once what the card is told.
    const both = () =>
      page.evaluate(() => [
        document.querySelector<HTMLProgressElement>('#job-progress')?.value,
        Number(/Drawing, (\d+) %/.exec(document.querySelector('#queue-list [aria-current]')?.textContent ?? '')?.[1]),
      ]);
    const [card, entry] = await both();
    expect(entry).toBe(card);
    const preview = page.getByAltText('Preview: how far the video is');
    await seen(preview);
    await picture(page, 'drawing');
    await page.reload();
    await says(page, /^Drawing$/);
    const other = await visit(browser, page.url());
    await says(other.page, /^Drawing$/);
    expect(await other.page.locator('#job-progress').getAttribute('value')).not.toBe(null);

    service.letStatuesGo();
    await says(page, /^Done$/);
    expect(await preview.isVisible()).toBe(false);
    await says(other.page, /^Done$/);
    const film = page.locator('video');
    await vi.waitFor(async () => expect(await film.evaluate((v: HTMLVideoElement) => v.videoWidth)).toBe(128), patient);
    await vi.waitFor(
      async () => expect(await film.evaluate((v: HTMLVideoElement) => v.currentTime)).toBeGreaterThan(0),
      patient,
    );
    expect(await page.locator('#job-context li').allInnerTexts()).toContainEqual(
      expect.stringMatching(/fox[\s\S]*named in the text/),
    );
    await seen(page.locator('#job-context img').first());
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe(`${statue}.mp4`);
    await picture(page, 'done');
    expect([...broken, ...other.broken]).toEqual([]);
  });

  it('cancels a job that is drawn, and one that waits', async () => {
    service.holdStatues();
    const { page, broken } = await visit(browser, service.url);
    await ask(page, 'an unfinished statue');
    await says(page, /^Drawing$/);
    const cancel = page.getByRole('button', { name: 'Cancel' });
    await cancel.click();
    await says(page, 'Cancelled');
    await stopDrawing();

    await ask(page, 'a bicycle');
    await says(page, 'Waiting, next in line');
    await cancel.click();
    await says(page, 'Cancelling');
    expect(await cancel.isVisible()).toBe(false);
    stopDrawing = await service.draw();
    await says(page, 'Cancelled');
    expect(await page.locator('video').isVisible()).toBe(false);
    expect(broken).toEqual([]);
  });

  it('asks again for the same with another seed', async () => {
    const { page, broken } = await visit(browser, service.url);
    await page.getByText('Options').click();
    await page.getByLabel('Frames').fill('6');
    await page.getByLabel('Seed').fill('7');
    await page.getByLabel('Examples').selectOption('none');
    const first = await ask(page, 'a sailboat');
    await says(page, /^Done$/);
    await page.getByText('Nothing: no example was asked for').waitFor();
    await page.getByRole('button', { name: 'Again with another seed' }).click();
    await vi.waitFor(() => expect(new URL(page.url()).searchParams.get('job')).not.toBe(first), patient);
    await says(page, /^Done$/);
    const { seed, request } = await (await fetch(`${service.url}/v1/videos/${jobIn(page)}`)).json();
    expect(request.asked).toEqual({ prompt: 'a sailboat', frames: 6, seed, retrieval: false });
    expect(seed).not.toBe(7);
    // Back is the first one.
    await page.goBack();
    await page.getByText('Record', { exact: true }).click();
    expect(await page.locator('#job-record').innerText()).toMatch(/Seed\s+7\b/);
    expect(broken).toEqual([]);
  });

  it('shows the examples before anything is drawn, and sends images along', async () => {
    const { page, broken } = await visit(browser, service.url);
    const prompt = 'a fox rides over a hill';
    await page.getByLabel('What should it show?').fill(prompt);
    await page.getByRole('button', { name: 'See the examples first' }).click();
    const example = page.locator('#examples-list li', { hasText: 'fox' });
    await seen(example.locator('img'));
    expect(await page.locator('#examples-state').innerText()).toBe(
      'The model would see these examples. The corpus has 5 documents.',
    );
    await example.getByRole('button', { name: 'Use this image' }).click();
    await page.getByLabel('Images of a subject').setInputFiles(imageFile('balloon'));
    await page.getByLabel('What balloon.png is for').selectOption('the background');
    await page.getByLabel('Images of a subject').setInputFiles(imageFile('anchor'));
    await page.getByRole('button', { name: 'Remove anchor.png' }).click();
    await seen(page.locator('#references img').last());
    expect(await breaches(page)).toEqual([]);
    await picture(page, 'examples');
    await ask(page, prompt);
    await says(page, /^Done$/);
    const first = jobIn(page);
    const { request } = await (await fetch(`${service.url}/v1/videos/${jobIn(page)}`)).json();
    const image = { uri: expect.stringMatching(/^object:/) };
    expect(request.asked.prompt).toEqual([{ image, role: 'subject' }, { image, role: 'background' }, { text: prompt }]);
    await page.getByRole('button', { name: 'Again with another seed' }).click();
    await vi.waitFor(() => expect(jobIn(page)).not.toBe(first), patient);
    await says(page, /^Done$/);

    // What is no image is refused, with its name.
    await page.getByLabel('Images of a subject').setInputFiles({
      ...{
        name: 'drawing.svg',
        mimeType: 'image/svg+xml',
        buffer: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
      },
    });
    await page.getByRole('button', { name: 'Make the video' }).click();
    await page.locator('#form-wrong').waitFor();
    expect(await page.locator('#form-wrong').innerText()).toMatch(/found an SVG drawing \(\Wdrawing\.svg\W\)/);
    expect(broken).toEqual([]);
  });

  it('pins an example and leaves another out, by the keyboard, and draws with these', async () => {
    const { page, broken } = await visit(browser, service.url);
    const prompt = 'a fox and a balloon beside an anchor';
    await page.getByLabel('What should it show?').fill(prompt);
    await page.getByRole('button', { name: 'See the examples first' }).click();
    const shown = () => page.locator('#examples-list .title').allInnerTexts();
    const shows = (captions: string[]) => vi.waitFor(async () => expect(await shown()).toEqual(captions), patient);
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
    const press = (name: string) => page.getByRole('button', { name, exact: true }).press('Enter');
    await shows(['a fox', 'a balloon', 'an anchor']);
    await press('Leave out: a fox');
    await shows(['a balloon', 'an anchor']);
    expect(await focused()).toBe('Use this image: a balloon');
    await press('Pin: an anchor');
    await shows(['an anchor', 'a balloon']);
    expect(await page.getByRole('button', { name: 'Pin: an anchor', exact: true }).count()).toBe(0);
    expect(await page.locator('#examples-list .state').first().innerText()).toBe('pinned');
    await press('Pin: a balloon');
    const chosen = page.getByRole('list', { name: 'Pinned and left out' });
    await vi.waitFor(async () => expect(await chosen.getByRole('listitem').count()).toBe(3), patient);
    await press('Do not pin: a balloon');
    expect(await focused()).toBe('Do not pin: an anchor');
    await shows(['an anchor', 'a balloon']);
    expect(await chosen.locator('.state').allInnerTexts()).toEqual(['left out', 'pinned: comes first']);
    expect(await breaches(page)).toEqual([]);
    await picture(page, 'choices');

    await ask(page, prompt);
    await says(page, /^Done$/);
    const { request, context } = await (await fetch(`${service.url}/v1/videos/${jobIn(page)}`)).json();
    expect(context.map(({ caption }: { caption: string }) => caption)).toEqual(['an anchor', 'a balloon']);
    const [anchor] = context;
    expect(request.asked.retrieval).toEqual({ pin: [anchor.document], exclude: [expect.any(String)] });

    // All of it can be taken back.
    await page.getByRole('button', { name: 'Do not leave out: a fox' }).click();
    await page.getByRole('button', { name: 'Do not pin: an anchor' }).click();
    expect(await chosen.getByRole('listitem').count()).toBe(0);
    expect(broken).toEqual([]);
  });

  it('says what is wrong, at its field where there is one', async () => {
    const { page, broken } = await visit(browser, service.url);
    // What the browser would not let through.
    await page.locator('form#ask-form').evaluate((form: HTMLFormElement) => {
      form.noValidate = true;
    });
    await page.locator('#frames').evaluate((field: HTMLInputElement) => {
      field.value = '5000';
    });
    await page.getByLabel('What should it show?').fill('a fox');
    await page.getByRole('button', { name: 'Make the video' }).click();
    await page.locator('#frames-wrong').waitFor();
    expect(await page.locator('#frames-wrong').innerText()).toContain('1024');
    expect(await page.locator('#frames').evaluate((field) => field === document.activeElement)).toBe(true);
    expect(await breaches(page)).toEqual([]);
    await page.getByLabel('Frames').fill('');
    await page.getByLabel('What should it show?').fill(' ');
    await page.getByRole('button', { name: 'Make the video' }).click();
    await page.locator('#form-wrong').waitFor();
    expect(await page.locator('#frames-wrong').isVisible()).toBe(false);
    expect(await page.locator('#form-wrong').innerText()).toContain('prompt');
    await page.getByLabel('What should it show?').fill('a fox '.repeat(700));
    await page.getByRole('button', { name: 'Make the video' }).click();
    await page.getByText('found 4200 characters. Shorten the prompt.').waitFor();

    await page.goto(`${service.url}/?job=nobody`);
    await page.getByText('There is no such job').waitFor();
    await page.goBack();
    expect(await page.locator('#trouble').isVisible()).toBe(false);
    expect(broken).toEqual([]);
  });

  it('looks at the list once at a time, however slow the server is', async () => {
    const { page } = await visit(browser, service.url);
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let [asked, open, most] = [0, 0, 0];
    await page.route('**/v1/videos?limit=*', async (route) => {
      asked++;
      most = Math.max(most, ++open);
      await held;
      open--;
      await route.continue();
    });
    await page.evaluate(`for (let n = 0; n < 5; n++) document.dispatchEvent(new Event('visibilitychange'))`);
    await vi.waitFor(() => expect(asked).toBe(1), patient);
    letGo();
    await vi.waitFor(() => expect(asked).toBeGreaterThan(1), patient);
    expect(most).toBe(1);
    await page.context().close();
  });

  it('goes on by itself when the server was away', async () => {
    const { page } = await visit(browser, service.url);
    await stopDrawing();
    await ask(page, 'a fox while the server restarts');
    await stopServing();
    await page.getByText('The server does not answer').waitFor();
    stopDrawing = await service.draw();
    stopServing = await service.serve();
    await says(page, /^Done$/);
    await page.locator('#trouble').waitFor({ state: 'hidden' });
  });

  it('keeps its words in order around the text of others, whatever the direction of that', async () => {
    const { page, broken } = await visit(browser, service.url);
    const turned = 'a kite \u202eseil a';
    await ask(page, turned);
    await says(page, 'Done');
    expect(await page.title()).toBe('\u2068a kite seil a\u2069 · vimi');
    const places = await page.evaluate(() => {
      const found: { id: string; isAlone: boolean; bidi: string }[] = [];
      const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      for (let text = texts.nextNode(); text; text = texts.nextNode()) {
        const around = text.parentElement!;
        if (!text.textContent!.includes('\u202e')) continue;
        const isAlone = around.childNodes.length === 1 && text.textContent === 'a kite \u202eseil a';
        found.push({ id: around.id || around.className, isAlone, bidi: getComputedStyle(around).unicodeBidi });
      }
      return found;
    });
    expect(places.map(({ id }) => id)).toEqual(expect.arrayContaining(['job-title', 'title']));
    for (const { isAlone, bidi } of places) expect([isAlone, bidi]).toEqual([true, 'isolate']);

    // In a sentence: whether its last word is read from left to right.
    const isInOrder = (text: string) =>
      page.evaluate((words) => {
        const line = document.createElement('p');
        line.append(words);
        document.body.append(line);
        const placeOf = (from: number) => {
          const range = document.createRange();
          range.setStart(line.firstChild!, from);
          range.setEnd(line.firstChild!, from + 1);
          return range.getBoundingClientRect().left;
        };
        const isInOrder = placeOf(words.length - 4) < placeOf(words.length - 1);
        line.remove();
        return isInOrder;
      }, `First ${text} last`);
    for (const text of ['\u2069\u202ea kite', 'a\u2066 kite \u202e', '\u05d0\u2029\u202e']) {
      // As a text: vitest would rewrite an import in a function.
      const isolated = await page.evaluate<string>(
        `import('${service.url}/web/foreign.js').then(({ foreign }) => foreign(${JSON.stringify(text)}))`,
      );
      expect([text, await isInOrder(isolated)]).toEqual([text, true]);
    }
    expect(await isInOrder('\u2069\u202ea kite')).toBe(false);
    expect(broken).toEqual([]);
    await page.context().close();
  });

  it('keeps its width on a phone, however long the words of others are', async () => {
    const { page, broken } = await visit(browser, service.url, { viewport: { width: 360, height: 740 } });
    const width = () => page.evaluate(() => document.documentElement.scrollWidth);
    const long = `${'w'.repeat(1200)} \u2066\u202e${'\u05d0'.repeat(300)} ${'%2F'.repeat(300)}`;
    await page.getByLabel('What should it show?').fill(long);
    await page.getByRole('button', { name: 'Make the video' }).click();
    await says(page, /^Done$/);
    expect(await width()).toBe(360);
    await page.getByRole('button', { name: 'Go on from the last frame' }).click();
    await page.locator('#references li').waitFor();
    // The words above are like nothing in the corpus.
    await page.getByLabel('What should it show?').fill(`a balloon ${'%2F'.repeat(300)}`);
    await page.getByRole('button', { name: 'See the examples first' }).click();
    await page.getByRole('button', { name: 'Pin' }).first().waitFor();
    expect(await width()).toBe(360);
    await picture(page, 'long-words');
    // WCAG 1.4.10: at 320 pixels nothing is scrolled sideways.
    await page.setViewportSize({ width: 320, height: 640 });
    for (const view of ['', '?corpus=a%20fox', '?pipelines=', '?rejects=']) {
      await page.goto(`${service.url}/${view}`);
      expect(await width()).toBe(320);
    }
    expect(broken).toEqual([]);
    await page.context().close();
  });

  it('is used with the keyboard alone', async () => {
    const { page, broken } = await visit(browser, service.url);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.keyboard.type('a balloon by keyboard');
    await page.keyboard.press('Control+Enter');
    await says(page, /^Done$/);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('a balloon by keyboard');
    expect(broken).toEqual([]);
  });

  it('is looked at by an axe that finds what is wrong', async () => {
    const { page } = await visit(browser, service.url);
    await page.evaluate(() => document.body.append(document.createElement('img')));
    expect(await breaches(page)).toContainEqual(expect.stringMatching(/^image-alt: /));
  });

  it.each(['light', 'dark'] as const)(
    'breaks no rule of WCAG AA, at full and at phone width, %s',
    async (colorScheme) => {
      service.holdStatues();
      for (const viewport of [
        { width: 1280, height: 900 },
        { width: 360, height: 740 },
      ]) {
        const { page, broken } = await visit(browser, service.url, { colorScheme, viewport });
        await page.locator('#queue-list li').first().waitFor();
        await page.getByText('Options').click();
        expect(await breaches(page)).toEqual([]);
        await page.getByText('Options').click();
        await ask(page, 'a statue of a bicycle with a name that is longer than any line of a phone would take');
        await says(page, /^Drawing$/);
        expect(await breaches(page)).toEqual([]);
        await page.getByRole('button', { name: 'Cancel' }).click();
        await says(page, 'Cancelled');
        await page.getByRole('link', { name: 'a statue of a fox' }).click();
        await says(page, /^Done$/);
        await page.getByText('Record', { exact: true }).click();
        expect(await breaches(page)).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(viewport.width);
        await picture(page, `done-${colorScheme}-${viewport.width}`);
        expect(broken).toEqual([]);
      }
    },
  );

  it('searches the corpus, tells where a document comes from, takes it out and offers another', async () => {
    const { page, broken } = await visit(browser, service.url, { colorScheme: 'dark' });
    await page.getByRole('link', { name: 'Corpus' }).click();
    await page.getByLabel('Search for').fill('a ship with sails');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByText('The nearest 5 of 5 documents, best first.').waitFor();
    const first = page.locator('#corpus-list li').first();
    expect(await first.innerText()).toContain('sailboat');
    await seen(first.locator('img'));
    await first.getByRole('button', { name: /^Origin/ }).click();
    await first.getByText('images/sailboat.png').first().waitFor();
    expect(await breaches(page)).toEqual([]);
    await picture(page, 'corpus');

    await first.getByRole('button', { name: /^Remove/ }).click();
    expect(await breaches(page)).toEqual([]);
    await page.getByRole('button', { name: 'Keep it' }).click();
    await first.getByRole('button', { name: /^Remove/ }).click();
    await page.getByRole('button', { name: 'Remove it' }).click();
    await vi.waitFor(async () => expect(await page.locator('#corpus-list li').count()).toBe(4), patient);
    await page.reload();
    await page.getByText('The nearest 4 of 4 documents, best first.').waitFor();

    await page.getByText('Add images or videos').click();
    await page.getByLabel('Or a path or address').fill('images/rocket.png');
    await page.getByLabel('Caption').fill('a rocket that was offered');
    await page.getByRole('button', { name: 'Add it' }).click();
    await page.getByText(/images\/rocket\.png\W is offered\./).waitFor();
    await vi.waitFor(async () => {
      await page.getByRole('button', { name: 'Search' }).click();
      expect(await page.locator('#corpus-list').innerText()).toContain('a rocket that was offered');
    }, patient);

    // Files of the visitor's own: chosen, dropped, and one that is no image.
    const files = page.getByLabel('Files to upload');
    await files.setInputFiles([imageFile('kite'), imageFile('whale')]);
    await dropped(page, '#offer', { name: 'notes.png', text: 'these are notes' });
    await page.getByLabel('Caption of kite.png').fill('a kite that was uploaded');
    await page.getByLabel('Caption of whale.png').fill('a whale that stays out');
    await page.getByRole('button', { name: 'Add 3 files' }).waitFor();
    expect(await page.getByLabel('Or a path or address').isVisible()).toBe(false);
    expect(await breaches(page)).toEqual([]);
    await picture(page, 'offer');
    await page.getByRole('button', { name: 'Leave out whale.png' }).click();
    await page.getByRole('button', { name: 'Add 2 files' }).click();
    await page.getByText('1 of 2 files are offered.').waitFor();
    // What is wrong stands beside the file that stays.
    expect(await page.locator('#offer-list').innerText()).toMatch(/notes\.png[\s\S]*image/);
    expect(await page.locator('#offer-list li').count()).toBe(1);
    await picture(page, 'offer-refused');
    await page.getByRole('button', { name: 'Leave out notes.png' }).click();
    expect(await page.getByLabel('Or a path or address').isVisible()).toBe(true);
    await vi.waitFor(async () => {
      await page.getByRole('button', { name: 'Search' }).click();
      expect(await page.locator('#corpus-list').innerText()).toContain('a kite that was uploaded');
    }, patient);
    await page.goto(service.url);
    await ask(page, 'a kite that was uploaded');
    await says(page, /^Done$/);
    const video = page.url();
    await seen(page.locator('#job-context img').first());
    // Two see the document and remove it, one after the other.
    await page.goto(`${service.url}/?corpus=a%20kite`);
    const other = await visit(browser, page.url());
    const kite = (one: Page) => one.locator('#corpus-list li', { hasText: 'a kite that was uploaded' });
    await kite(other.page).waitFor();
    for (const one of [page, other.page]) {
      await kite(one)
        .getByRole('button', { name: /^Remove/ })
        .click();
      await one.getByRole('button', { name: 'Remove it' }).click();
      await kite(one).waitFor({ state: 'detached' });
      expect(await one.locator('#trouble').isVisible()).toBe(false);
    }
    const later = await visit(browser, video);
    await later.page.locator('#job-context .gone', { hasText: 'gone' }).waitFor();
    expect(await breaches(later.page)).toEqual([]);
    // Back and forth by the address alone.
    await page.goto(`${service.url}/?corpus=an%20anchor`);
    await page.getByRole('link', { name: 'Videos' }).click();
    await page.getByRole('heading', { name: 'Ask for a video' }).waitFor();
    await page.goBack();
    await page.getByText('documents, best first').waitFor();
    expect(await page.locator('#corpus-list li').first().innerText()).toContain('anchor');
    expect(broken).toEqual([]);
  });

  it('puts another document in the place of an example', async () => {
    const { page, broken } = await visit(browser, service.url);
    const prompt = 'a fox and a balloon';
    await page.getByLabel('What should it show?').fill(prompt);
    await page.getByRole('button', { name: 'See the examples first' }).click();
    const shown = () => page.locator('#examples-list .title').allInnerTexts();
    await vi.waitFor(async () => expect(await shown()).toEqual(['a fox', 'a balloon']), patient);
    await page.getByRole('button', { name: 'Replace: a fox' }).press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Another example in its place' });
    await dialog.getByRole('button', { name: 'Take this one: an anchor' }).waitFor();
    // What is an example already is not offered.
    expect(await dialog.locator('li .title').allInnerTexts()).not.toContain('a balloon');
    expect(await breaches(page)).toEqual([]);
    await dialog.getByLabel('Search the corpus for').fill('something to ride on');
    await dialog.getByRole('button', { name: 'Search' }).click();
    await dialog.getByRole('button', { name: 'Take this one: a bicycle' }).click();
    await vi.waitFor(async () => expect(await shown()).toEqual(['a bicycle', 'a balloon']), patient);
    // Escape leaves all as it is.
    await page.getByRole('button', { name: 'Replace: a balloon' }).click();
    await dialog.getByRole('button', { name: /^Take/ }).first().waitFor();
    await page.keyboard.press('Escape');
    expect(await shown()).toEqual(['a bicycle', 'a balloon']);
    await ask(page, prompt);
    await says(page, /^Done$/);
    const { context } = await (await fetch(`${service.url}/v1/videos/${jobIn(page)}`)).json();
    expect(context.map(({ caption }: { caption: string }) => caption)).toEqual(['a bicycle', 'a balloon']);

    // Somebody removes what is pinned: the page says at which one.
    await fetch(`${service.url}/v1/corpus/documents/${context[0].document}`, { method: 'DELETE' });
    for (const name of ['See the examples first', 'Make the video']) {
      await page.getByRole('button', { name }).click();
      const wrong = page.locator('#choices .wrong:visible');
      await wrong.waitFor();
      expect(await wrong.innerText()).toBe('It is not in the corpus any more.');
      const undo = page.getByRole('button', { name: 'Do not pin: a bicycle' });
      await vi.waitFor(
        async () => expect(await undo.evaluate((one) => one === document.activeElement)).toBe(true),
        patient,
      );
      expect(await page.locator('#form-wrong').isVisible()).toBe(false);
      await page.getByLabel('What should it show?').focus();
    }
    expect(await breaches(page)).toEqual([]);
    await picture(page, 'refused-choice');
    expect(broken).toEqual([]);
  });

  it('draws with and without examples side by side, and goes on from the last frame', async () => {
    service.holdStatues();
    const { page, broken } = await visit(browser, service.url);
    const prompt = 'a statue of a balloon';
    await page.getByLabel('What should it show?').fill(prompt);
    await page.getByRole('button', { name: 'Make it with and without examples' }).click();
    const beside = page.locator('#beside-state');
    const both = (words: RegExp) =>
      vi.waitFor(async () => {
        expect(await state(page).innerText()).toMatch(words);
        expect(await beside.innerText()).toMatch(words);
      }, patient);
    await both(/^Drawing$/);
    await page.reload();
    await both(/^Drawing$/);
    expect(await breaches(page)).toEqual([]);
    expect(await page.locator('#queue-list [aria-current]').count()).toBe(2);
    await picture(page, 'side-by-side');
    service.letStatuesGo();
    await both(/^Done$/);
    expect(await page.locator('.take').allInnerTexts()).toEqual(['With examples', 'Without examples']);
    const ids = new URL(page.url()).searchParams;
    const jobs = await Promise.all(
      ['job', 'beside'].map(async (name) => (await fetch(`${service.url}/v1/videos/${ids.get(name)}`)).json()),
    );
    expect(jobs[0].seed).toBe(jobs[1].seed);
    expect(jobs.map(({ context }) => context.length > 0)).toEqual([true, false]);

    await page.getByRole('link', { name: 'Show alone' }).first().click();
    await beside.waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: 'Compare without examples' }).click();
    await both(/^Done$/);
    await page.getByRole('link', { name: 'Show alone' }).first().click();
    await beside.waitFor({ state: 'hidden' });

    await page.getByRole('button', { name: 'Go on from the last frame' }).click();
    expect(await page.getByLabel(/^What Last frame/).inputValue()).toBe('first_frame');
    await seen(page.locator('#references img'));
    await page.getByLabel('What should it show?').fill('the balloon goes on');
    await page.getByText('Options').click();
    // Its last frame is its first.
    await page.getByLabel('Frames').fill('1');
    await page.getByRole('button', { name: 'Make the video' }).click();
    await page.getByRole('heading', { name: 'the balloon goes on' }).waitFor();
    await says(page, /^Done$/);
    const frame = async (id: string) =>
      Buffer.from(await (await fetch(`${service.url}/v1/videos/${id}/content?variant=last_frame`)).arrayBuffer());
    expect((await frame(jobIn(page))).equals(await frame(jobs[0].id))).toBe(true);
    expect(broken).toEqual([]);
  });

  it.each(['light', 'dark'] as const)(
    'draws the pipelines with what they do, by keyboard and on a phone, %s',
    async (colorScheme) => {
      const viewport = colorScheme === 'dark' ? { width: 360, height: 740 } : { width: 1280, height: 900 };
      const { page, broken } = await visit(browser, service.url, { colorScheme, viewport });
      await page.getByRole('link', { name: 'Pipelines' }).press('Enter');
      const corpus = page.getByRole('region', { name: 'corpus' });
      await corpus.getByText('runs', { exact: true }).waitFor();
      // Another process draws.
      await page.getByRole('region', { name: 'generate' }).getByText('not in this process').waitFor();
      const step = corpus.getByRole('link', { name: /^recognise / });
      await step.focus();
      await page.keyboard.press('Enter');
      await corpus.getByText('vimi tap corpus.recognise').waitFor();
      expect(await step.evaluate((one) => one === document.activeElement)).toBe(true);
      expect(new URL(page.url()).searchParams.get('pipelines')).toBe('corpus.recognise');
      await page.reload();
      await corpus.getByText('vimi tap corpus.recognise').waitFor();
      expect(await breaches(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(viewport.width);
      await picture(page, `pipelines-${colorScheme}`);

      // It goes on by itself, also when the server was away.
      if (colorScheme === 'light') {
        await page.route('**/v1/pipelines*', async (route) => {
          const answer = await route.fetch().catch(() => undefined);
          if (!answer) return route.abort();
          const { data, ...rest } = await answer.json();
          const trouble = {
            code: 'STORAGE_FULL',
            step: 'index',
            message: 'The disk is full.',
            remedy: 'Free some space.',
          };
          const [first, second, ...others] = data;
          const paused = { ...second, state: 'paused', troubles: [trouble] };
          await route.fulfill({ json: { ...rest, data: [first, paused, ...others] } });
        });
        await corpus.getByText('Paused at index, STORAGE_FULL: The disk is full. Free some space.').waitFor();
        expect(await corpus.getByRole('link', { name: /^index / }).textContent()).toContain('paused: STORAGE_FULL');
        expect(await breaches(page)).toEqual([]);
        await page.unrouteAll({ behavior: 'ignoreErrors' });
        await stopServing();
        await page.getByText(/^These numbers are from/).waitFor();
        stopServing = await service.serve();
        await page.locator('#trouble').waitFor({ state: 'hidden' });
        await corpus.getByText('runs', { exact: true }).waitFor();
      }
      await page.getByRole('link', { name: 'Videos' }).click();
      await page.getByRole('heading', { name: 'Ask for a video' }).waitFor();
      if (colorScheme === 'dark') expect(broken).toEqual([]);
    },
  );

  it('lists rejects, opens them, and replays and dismisses them once one is sure', async () => {
    const wish = 'a wish of '.concat('n'.repeat(300), '\u2066\u202e frames');
    await service.publish('{"prompt": \n', '{"prompt": ""}', JSON.stringify({ prompt: wish, frames: 100_000 }));
    const { page, broken } = await visit(browser, service.url, { viewport: { width: 360, height: 740 } });
    await page.getByRole('link', { name: 'Rejects', exact: true }).click();
    const items = page.locator('#rejects-list li');
    await vi.waitFor(async () => {
      await page.getByRole('button', { name: 'Look again' }).click();
      expect(await items.count()).toBe(3);
    }, patient);
    expect(await breaches(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    await picture(page, 'rejects');
    await page.getByLabel('Reason').selectOption({ label: 'PROMPT_EMPTY (1)' });
    await vi.waitFor(async () => expect(await items.count()).toBe(1), patient);
    await page.getByLabel('Reason').selectOption('');
    await page.getByRole('link', { name: /^a wish/ }).click();
    await page.getByRole('heading', { name: /^a wish/ }).waitFor();
    expect(await page.getByLabel('The record as it came').inputValue()).toContain('"frames": 100000');
    await page.locator('#reject-errors').getByText('expected at most 1024').waitFor();
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await breaches(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);

    const sure = page.getByRole('dialog', { name: 'Replay?' });
    await page.getByRole('button', { name: 'Replay' }).click();
    expect(await breaches(page)).toEqual([]);
    await sure.getByRole('button', { name: 'Leave it' }).click();
    expect(await page.getByRole('button', { name: 'Dismiss' }).isVisible()).toBe(true);
    await page.getByRole('button', { name: 'Replay' }).click();
    await sure.getByRole('button', { name: 'Replay' }).click();
    await page.getByText(/^Published again as requests-\d+-\d+\.$/).waitFor();
    await page.getByRole('button', { name: 'Replay' }).waitFor({ state: 'hidden' });
    await page.reload();
    await page.getByText('This one was replayed.').waitFor();

    await page.getByRole('link', { name: 'All rejects' }).click();
    // It was rejected again.
    await vi.waitFor(async () => {
      await page.getByRole('button', { name: 'Look again' }).click();
      expect(await items.count()).toBe(3);
    }, patient);
    await page.getByRole('button', { name: 'Dismiss all 3' }).click();
    await page.getByRole('dialog', { name: 'Dismiss?' }).getByRole('button', { name: 'Dismiss' }).click();
    await page.getByText('3 dismissed. Nothing waits here.').waitFor();
    expect(await items.count()).toBe(0);
    await page.getByLabel('Show', { exact: true }).selectOption('dismissed');
    await vi.waitFor(async () => expect(await items.count()).toBe(3), patient);
    await page.goto(`${service.url}/?rejects=requests-0-99999`);
    await page.getByText('There is no such dead letter').waitFor();
    expect(broken).toEqual([]);
  });

  it('asks for an API key where the server does, and shows what the key may see', async () => {
    const key = await service.addKey();
    service.letStatuesGo();
    await stopServing();
    stopServing = await service.serve();
    const { page, broken } = await visit(browser, service.url);
    const field = page.locator('#key-text');
    await field.fill('vimi_of_nobody');
    await field.press('Enter');
    await vi.waitFor(async () => expect(await field.inputValue()).toBe(''), patient);
    expect(await breaches(page)).toEqual([]);
    await field.fill(key);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('Nobody has asked for one yet.').waitFor();
    await ask(page, 'a fox with a key');
    await says(page, /^Done$/);
    const film = page.locator('video');
    await vi.waitFor(async () => expect(await film.evaluate((v: HTMLVideoElement) => v.videoWidth)).toBe(128), patient);
    await page.reload();
    await says(page, /^Done$/);
    expect(await listed(page)).toHaveLength(1);
    await page.getByRole('link', { name: 'Pipelines' }).click();
    await page.getByRole('region', { name: 'corpus' }).waitFor();
    await page.getByRole('link', { name: 'Rejects', exact: true }).click();
    await page.getByText('This key may not do that').waitFor();
    expect(await page.locator('#rejects-list li').count()).toBe(0);
    expect(broken).toEqual([]);
  });
});
