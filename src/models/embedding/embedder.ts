import type { Embedder } from '../ports.js';
import { embedImage, imageDimensions } from './image-embedding.js';
import { embedText, textDimensions } from './text-embedding.js';

/** The embedder that is always there: no weights, no download. It knows spelling and looks, not meaning. */
export function createEmbedder(): Embedder {
  return {
    name: 'hashed-text-and-looks/2',
    dimensions: { text: textDimensions, image: imageDimensions },
    text: embedText,
    image: embedImage,
  };
}
