/** A text as it stands in a prompt, a caption's and a user's alike: white space collapsed, none at the ends. */
export function promptText(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
