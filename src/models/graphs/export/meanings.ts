/** What each input and output of an exported network is, and between what its numbers lie. */
export const meanings: Readonly<Record<string, { what: string; range: string }>> = {
  words: {
    what: 'each word by the rows of the word table that it is the sum of (words.json), 1 / sqrt(number of rows) each; or, of models with a frozen encoder outside, its tokens. [1, words, ...]',
    range: '0 to 1, or as the encoder gives them; 0 where there is no word',
  },
  places: {
    what: 'the place in the prompt, counted from 0, of each word, then of each image. [1, words + images]',
    range: 'whole numbers from 0; 0 where there is none',
  },
  present: {
    what: 'whether there is such a word, then whether there is such an image. [1, words + images]',
    range: '0 or 1',
  },
  pixels: { what: 'the images, RGB, scaled to a square on white. [images, side, side, 3]', range: '-1 to 1' },
  mattes: { what: 'what of each image is its subject. [images, side, side, 1]', range: '0 or 1' },
  roles: {
    what: 'the role of each image, as the manifest lists them under roles. [images, roles]',
    range: 'one 1 in each row; zeros where there is no image',
  },
  path: {
    what: 'where what moves in the clip of the prompt is, at moments spread evenly over it: x and y. [1, moments, 2]',
    range: 'a frame is 1 wide and 1 high',
  },
  follows: { what: 'whether the prompt has a clip. [1]', range: '0 or 1' },
  tokens: { what: 'the prompt as the denoiser reads it. [1, tokens, channels]', range: 'any' },
  bias: { what: 'what hides a token from attention. [1, 1, 1, tokens]', range: '0, or -1e9' },
  images: { what: 'the images with their mattes. [1, images, side, side, 4]', range: '-1 to 1' },
  meaning: { what: 'what each image has come to mean. [1, images, channels]', range: 'any' },
  shown: { what: 'whether there is such an image. [1, images]', range: '0 or 1' },
  wanted: {
    what: 'where the clip of the prompt wants each image at each moment. [1, images, moments, patch channels]',
    range: 'any; 0 without a clip',
  },
  x: { what: 'the noisy video, scaled: see denoiser.x. [1, frames, height, width, 3]', range: 'about standard normal' },
  sigma: { what: 'the noise level. [1]', range: 'positive; the sampler goes from noise.max to noise.min' },
  fps: { what: 'frames per second. [1]', range: 'positive; infinity for a still' },
  frames: { what: 'the number of each frame in its clip. [1, frames]', range: 'whole numbers from 0' },
  latents: {
    what: 'carry of the step before, of the same prompt. [1, latents, channels]',
    range: 'any; zeros at the first step',
  },
  carried: { what: 'whether there was a step before. [1, 1, 1]', range: '0 or 1' },
  low: {
    what: 'the smaller video, enlarged, with noise of the level on it. [1, frames, height, width, 3]',
    range: '-1 to 1 and noise',
  },
  level: { what: 'deviation of the noise on the smaller video. [1]', range: '0 to 1' },
  pose: {
    what: 'where each image is in each frame: x, y, ln of its size, cosine and sine of its turn. [1, images, frames, 5]',
    range: 'a frame is 1 wide and 1 high',
  },
  known: { what: 'whether its place is known. [1, images, frames]', range: '0 or 1' },
  f: {
    what: 'what the denoiser is made of: see denoiser.clean. [1, frames, height, width, 3]',
    range: 'about standard normal',
  },
  carry: { what: 'latents for the next step. [1, latents, channels]', range: 'any' },
  placed: {
    what: 'where the images were found: as pose. [1, images, frames, 5]',
    range: 'a frame is 1 wide and 1 high',
  },
  paint: {
    what: 'what the words add to red, green and blue of each image, for its red, green, blue and matte. [1, images, 4, 3]',
    range: 'any; 0 where the image is laid as it is',
  },
};
