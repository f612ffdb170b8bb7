import { call } from './api.js';

/** @typedef {import('./api.js').Video} Video */

/**
 * What a video looks like while it is drawn.
 * @param {HTMLImageElement} image where it is shown
 * @returns {(video: Video | undefined) => void} shows the newest preview of a job that is drawn, and nothing otherwise
 */
export function previews(image) {
  /** Of the one that is shown, or is on its way. */
  let wanted = '';
  const show = (/** @type {string} */ address) => {
    URL.revokeObjectURL(image.src);
    image.hidden = address === '';
    if (address === '') image.removeAttribute('src');
    else image.src = address;
  };
  return (video) => {
    const next = video?.preview ? `${video.id} ${video.preview}` : '';
    if (next === wanted) return;
    wanted = next;
    if (!video?.preview) return show('');
    call(video.urls.preview)
      .then((answer) => answer.blob())
      .then((bytes) => wanted === next && show(URL.createObjectURL(bytes)))
      // It is gone, since the video is there or the next preview: whoever follows the job hears of it.
      .catch(() => {});
  };
}
