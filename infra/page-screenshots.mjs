/*
 * Takes the pictures of the page that the documentation shows, from a service with the shipped model in a folder of its own: small
 * PNGs. Needs what is built (npm run build), and Debian's chromium, or another that VIMI_CHROMIUM names. One to three minutes.
 *
 *   node infra/page-screenshots.mjs            into docs/
 *   node infra/page-screenshots.mjs OUT        into another folder
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import sharp from 'sharp';

const root = join(import.meta.dirname, '..');
const out = resolve(process.argv[2] ?? join(root, 'docs'));
const main = join(root, 'dist/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'vimi-page-'));
/** What a picture may weigh in a repository. Bytes. */
const most = 100_000;
const longestMs = 240_000;

/** @param {string[]} args @param {string} [input] */
async function vimi(args, input = '') {
  const running = promisify(execFile)(process.execPath, [main, ...args], { cwd: folder });
  running.child.stdin?.end(input);
  await running;
}

/** Starts the service; gives its address and what stops it. */
async function serve() {
  const service = spawn(process.execPath, [main, 'run', '--http', '127.0.0.1:0'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  /** @type {string} */
  const url = await new Promise((found, failed) => {
    let said = '';
    service.stderr.on('data', (chunk) => {
      said += chunk;
      const [, address] = /HTTP at (\S+)/.exec(said) ?? [];
      if (address && said.includes('running')) found(address);
    });
    service.once('exit', () => failed(new Error(`vimi run ended: ${said}`)));
  });
  const stop = async () => {
    const ended = once(service, 'exit');
    service.kill('SIGTERM');
    await ended;
  };
  return { url, stop };
}

/** @param {import('playwright-core').Page} page @param {string} name @param {boolean} [fullPage] */
async function picture(page, name, fullPage = true) {
  const png = await page.screenshot({ fullPage });
  const small = await sharp(png).png({ palette: true, colours: 96, effort: 10 }).toBuffer();
  if (small.length > most) throw new Error(`${name}.png has ${small.length} bytes: expected at most ${most}`);
  writeFileSync(join(out, `${name}.png`), small);
  console.log(`${join(out, name)}.png  ${small.length} bytes`);
}

/** Waits until what was asked for is there, and holds its videos at the same moment. @param {import('playwright-core').Page} page @param {string[]} places */
async function done(page, places) {
  for (const place of places) {
    await page.locator(`#${place}-state`, { hasText: /^Done$/ }).waitFor();
    await page.locator(`#${place}-video`).evaluate(async (/** @type {any} */ film) => {
      film.pause();
      film.currentTime = 0.5;
      await new Promise((seen) => film.addEventListener('seeked', seen, { once: true }));
    });
  }
}

mkdirSync(out, { recursive: true });
for (const name of ['topology.yaml', 'examples/media/images'])
  cpSync(join(root, name), join(folder, name.split('/').at(-1) ?? ''), { recursive: true });
await vimi(['ingest', 'images']);
const { url, stop } = await serve();
const browser = await chromium.launch({
  executablePath: process.env.VIMI_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--autoplay-policy=no-user-gesture-required'],
});
try {
  const open = async (width = 1180, height = 820) => {
    const page = await (await browser.newContext({ viewport: { width, height }, colorScheme: 'light' })).newPage();
    page.setDefaultTimeout(longestMs);
    await page.goto(url);
    return page;
  };
  const page = await open();
  const ask = async (/** @type {string} */ prompt, button = 'Make the video') => {
    await page.getByLabel('What should it show?').fill(prompt);
    await page.getByText('Options').click();
    await page.getByLabel('Seed').fill('7');
    await page.getByText('Options').click();
    await page.getByRole('button', { name: button }).click();
    // What was shown before was done, too.
    await page.locator('#job-title', { hasText: prompt }).waitFor();
  };
  await ask('a penguin jumps up and down on a green background', 'Make it with and without examples');
  await done(page, ['job', 'beside']);
  await picture(page, 'page-side-by-side');
  await ask('a fox moves left on a blue background');
  await done(page, ['job']);
  await page.mouse.move(0, 0);
  await picture(page, 'page');
  const phone = await open(360, 740);
  await phone.goto(page.url());
  await done(phone, ['job']);
  await picture(phone, 'page-phone');

  writeFileSync(join(folder, 'images/unicorn.png'), '');
  await vimi(['publish', 'requests', '--raw'], '{"prompt": ""}\n{"prompt": "a fox", "frames": 5000}\n{"prompt": \n');
  await vimi(['publish', 'media', '--raw'], '{"uri": "images/unicorn.png", "caption": "a unicorn"}\n');
  await page.getByRole('link', { name: 'Rejects' }).click();
  while ((await page.locator('#rejects-list li').count()) < 4) {
    await page.getByRole('button', { name: 'Look again' }).click();
    await page.locator('#rejects-state', { hasText: /\.$/ }).waitFor();
  }
  await page.mouse.move(0, 0);
  await page.setViewportSize({ width: 1180, height: 640 });
  await picture(page, 'page-rejects', false);
  await page.setViewportSize({ width: 1180, height: 1400 });

  for (const animal of ['fox', 'penguin', 'snail', 'whale', 'owl', 'frog'])
    await vimi(['publish', 'requests'], `${JSON.stringify({ prompt: `a ${animal} spins` })}\n`);
  await page.getByRole('link', { name: 'Pipelines' }).click();
  await page.locator('[data-busy]').first().waitFor();
  await page.getByRole('link', { name: /^denoise / }).click();
  // The numbers of the first two looks are there.
  await page.waitForResponse(/over=2/);
  await page.mouse.move(0, 0);
  await picture(page, 'page-pipelines');
} finally {
  await browser.close();
  await stop();
  rmSync(folder, { recursive: true, force: true });
}
