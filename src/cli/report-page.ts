/*
 * A page in one file: no script, and nothing that a browser would fetch. Names and captions come from strangers, so every
 * text is escaped here.
 */

/** A page with a title. `body` is HTML that the functions below made. */
export function page(
  title: string,
  body: string,
  colours: { kept: string; dropped: string; otherwise: string },
): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>
body { font: 14px/1.5 sans-serif; color: #24292f; background: #fff; margin: 24px auto; max-width: 1040px; padding: 0 16px }
h1 { font-size: 22px } h2 { font-size: 17px; margin: 36px 0 8px; border-bottom: 1px solid #d0d7de } h3 { font-size: 13px; font-weight: 600; margin: 12px 0 4px }
table { border-collapse: collapse } td, th { padding: 2px 16px 2px 0; text-align: left } td:nth-child(2) { text-align: right; font-variant-numeric: tabular-nums }
svg { max-width: 100%; height: auto }
.row { display: flex; flex-wrap: wrap; gap: 8px } figure { margin: 0; width: 112px } figure img, .none { display: block; width: 112px; height: 84px; object-fit: contain; background: #eef0f2 }
figcaption { font-size: 11px; line-height: 1.35; color: #57606a; overflow: hidden; text-overflow: ellipsis; white-space: nowrap } figcaption b { color: #24292f }
.key span { display: inline-block; width: 11px; height: 11px; margin: 0 5px 0 14px }
</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p class="key">Bars:<span style="background:${colours.kept}"></span>kept<span style="background:${colours.dropped}"></span>outside the limits of this score<span style="background:${colours.otherwise}"></span>dropped for another reason</p>
${body}
</body>
</html>
`;
}

export function section(title: string, body: string): string {
  return `<section><h2>${escaped(title)}</h2>${body}</section>\n`;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  return `<table>${line(head, 'th')}${rows.map((row) => line(row, 'td')).join('')}</table>\n`;
}

/** An image as a data URI, null where it is gone, and words below it, the first in bold. */
export function figure({ image, alt, words }: { image: string | null; alt: string; words: readonly string[] }): string {
  const [first = '', ...others] = words.map(escaped);
  const shown = image
    ? `<img src="${escaped(image)}" alt="${escaped(alt)}" title="${escaped(alt)}">`
    : '<div class="none"></div>';
  return `<figure>${shown}<figcaption><b>${first}</b> ${others.join('<br>')}</figcaption></figure>`;
}

/** Figures beside each other, under a title; nothing where there are none. */
export function row(title: string, figures: readonly string[]): string {
  return figures.length === 0 ? '' : `<h3>${escaped(title)}</h3><div class="row">${figures.join('')}</div>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
