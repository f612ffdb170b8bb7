/** By which vectors of texts and of images are known apart; vectors of one name compare. */
export interface EmbedderParts {
  text: string;
  image: string;
}

/** What documents made before encoders could be chosen say. */
export const builtIn = 'hashed-text-and-looks/2';
export const builtInImage = 'looks/2';
const builtInParts = { text: 'hashed-text/2', image: builtInImage };

/** The name of an embedder, from those of its parts. */
export function embedderName({ text, image }: EmbedderParts): string {
  return text === image ? text : `${text}+${image}`;
}

/** And back: which vectors of a document another embedder may keep. */
export function embedderParts(name: string): EmbedderParts {
  if (name === builtIn) return builtInParts;
  const [text = name, image = text] = name.split('+');
  return { text, image };
}
