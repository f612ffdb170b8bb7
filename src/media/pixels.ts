/** Rows of RGB bytes, 0 to 255: data has height * width * 3 bytes. */
export interface RgbImage {
  width: number;
  height: number;
  data: Uint8Array;
}

/** Frames of RGB bytes: data has frames * height * width * 3 bytes. */
export interface RgbVideo {
  frames: number;
  width: number;
  height: number;
  data: Uint8Array;
}
