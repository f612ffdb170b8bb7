/*
 * What an address of S3 must look like, for whoever reads it from a person: said before anything is asked of a server.
 * Each rule stands beside the words that a message has for it.
 */

export const bucketRule =
  '3 to 63 small letters, digits, dashes and single dots, a letter or digit first and last, and no IP address';

export function isBucketName(name: string): boolean {
  return /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes('..') && !/\d+\.\d+\.\d+\.\d+/.test(name);
}

export const endpointRule = 'https://host or http://host, with a port if need be';

/** undefined: it is none. */
export function endpointOf(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const fine =
    url && /^https?:$/.test(url.protocol) && url.hostname && !url.username && url.pathname === '/' && !url.search;
  return fine ? url : undefined;
}

export const regionRule = 'a name of small letters, digits and dashes, such as eu-central-1';

export function isRegion(name: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,62}$/.test(name);
}
