import { VimiError } from '../core/errors.js';

/** Where a server listens. */
export interface Address {
  host: string;
  port: number;
}

export const defaultAddress: Address = { host: '127.0.0.1', port: 9400 };

/** `HOST:PORT`, `[::1]:PORT` or `:PORT` (of this machine alone). USAGE. */
export function addressOf(text: string): Address {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535)
    throw new VimiError('USAGE', 'This is no address to serve HTTP on', {
      expected: 'HOST:PORT, such as 127.0.0.1:9400',
      found: text,
      where: '--http',
    });
  return { host: bracketed || plain || defaultAddress.host, port: Number(port) };
}

/** Whether only this machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
