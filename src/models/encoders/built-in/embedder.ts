import type { Embedder, RgbImage } from '../../ports.js';
import { builtIn } from '../embedder-name.js';
import { embedImage, imageDimensions } from './image-embedding.js';
import { embedText, textDimensions } from './text-embedding.js';

/** It needs no promise: nothing is loaded, and nothing runs beside. */
interface BuiltInEmbedder extends Embedder {
  text(text: string): number[];
  image(image: RgbImage): number[];
}

/** The embedder that is always there: no weights, no download. It knows spelling and looks, not meaning. */
export function createEmbedder(): BuiltInEmbedder {
  return {
    name: builtIn,
    dimensions: { text: textDimensions, image: imageDimensions },
    text: embedText,
    image: embedImage,
  };
}
