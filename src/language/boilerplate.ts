/*
 * What stands in captions and says nothing of what is shown: addresses, names of files, tags, the words of picture agencies,
 * what cameras write by themselves, and how captioners begin. Words are English; the rest is of any language.
 */
const patterns = [
  // Repeats have bounds, so that no text takes long.
  /(?:https?:\/\/|www\.)\S+/giu,
  /[^\s@]{1,64}@[^\s@]{1,255}\.\w+/gu,
  /(?<!\S)\S{1,100}\.(?:jpe?g|png|gif|webp|tiff?|mp4|mov|avi|heic|raw)(?![\p{L}\p{N}])/giu,
  /(?<![\p{L}\p{N}])(?:IMG|DSC[NF]?|PXL|VID|MVI|GOPR|P)[_-]?\d{4,}\S*/giu,
  /(?<![\p{L}\p{N}])[#@][\p{L}\p{N}_]+/gu,
  /\b(?:royalty[- ]free|stock (?:photos?|images?|footage|vectors?|illustrations?|videos?)|free download|download now|click (?:here|to)\b[\w ]{0,100}|all rights reserved|copyright|image credits?|photo(?: credits?)? (?:by|courtesy)|watermark(?:ed)?|shutterstock|istock(?:photo)?|alamy|getty ?images|dreamstime|depositphotos|adobe ?stock|123rf|olympus digital camera|digital camera|untitled|for sale|buy (?:now|online))\b/giu,
  /^\s*(?:(?:this|the) (?:image|picture|photo|photograph|video|clip|footage) (?:shows|depicts|features|is of|contains|captures)|in (?:this|the) (?:image|picture|photo|video|clip)(?:,? (?:we|you) (?:can )?see)?|(?:an?|the) (?:image|picture|photo|photograph|video|clip) of|here (?:is|are))\b/giu,
];

/** The share of a text that is such boilerplate, 0 to 1: of its letters, digits and signs, white space does not count. */
export function boilerplate(text: string): number {
  const covered = new Uint8Array(text.length);
  for (const pattern of patterns)
    for (const { index, 0: found } of text.matchAll(pattern)) covered.fill(1, index, index + found.length);
  let [all, of] = [0, 0];
  for (let n = 0; n < text.length; n++) {
    if (/\s/.test(text[n]!)) continue;
    all++;
    of += covered[n]!;
  }
  return all > 0 ? of / all : 0;
}
