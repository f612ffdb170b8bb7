import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { patient } from '../support/patience.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function openBrowser(): Promise<Browser> {
  const executablePath = process.env.VIMI_CHROMIUM ?? '/usr/bin/chromium';
  if (!existsSync(executablePath))
    throw new Error(
      `There is no chromium at ${executablePath}. Install it (Debian: apt-get install chromium), or name another in VIMI_CHROMIUM.`,
    );
  return chromium.launch({ executablePath, args: ['--autoplay-policy=no-user-gesture-required'] });
}

export interface Visit {
  page: Page;
  /** What broke while the page was open: errors, refusals of the content security policy, and requests to elsewhere. */
  broken: string[];
}

/** A page of its own, as a visitor sees it for the first time. */
export async function visit(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(patient.timeout);
  const broken: string[] = [];
  page.on('pageerror', (error) => broken.push(error.message));
  page.on('console', (message) => {
    // Answers that are errors are what some tests are about; the page tells of them.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      broken.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith('blob:') && new URL(request.url()).origin !== new URL(url).origin)
      broken.push(`asked ${request.url()}`);
  });
  await page.goto(url);
  return { page, broken };
}

/** What breaks WCAG 2.2 AA, as axe finds it. Its script is lent to the page by the browser, past the page's policy. */
export async function breaches(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = await page.evaluate<AxeResults>(`axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  })`);
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
}
