/** "a" or "an", by the first letters. @param {string} name */
export const article = (name) => (/^(?:[aeio](?!ne-|uro|we)|u(?!ni|s)|hour|x-ray)/i.test(name) ? 'an' : 'a');
