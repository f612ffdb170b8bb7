import { isIP } from 'node:net';

/*
 * An entry of media_hosts, model_hosts or webhook_hosts: `media.example`, `*.media.example` for all names below it, each with `:PORT` where it is not
 * the one of its protocol; or an address, `10.0.0.5` or `[fd00::5]`.
 */

/** The rule that allows a URL; undefined: none does. */
export function ruleFor(url: URL, rules: readonly string[]): string | undefined {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return rules.find((rule) => {
    const [, host = '', rulePort] = /^(.*?)(?::(\d{1,5}))?$/.exec(rule.toLowerCase()) ?? [];
    if (rulePort === undefined ? url.port !== '' : rulePort !== port) return false;
    return host.startsWith('*.') ? url.hostname.endsWith(host.slice(1)) : url.hostname === host;
  });
}

/** The address that a URL names instead of a host; undefined: it names a host. */
export function addressIn(url: URL): string | undefined {
  const bare = url.hostname.replace(/^\[|\]$/g, '');
  return isIP(bare) ? bare : undefined;
}

/** Not those above U+007F: in a header they are bytes of UTF-8. */
const control = /[^\P{Cc}\x80-\x9f]/u;

/** null: it is no URL, or only without the line breaks in it, which a list would show as another line. `base`: that of what refers to it. */
export function urlOf(text: string, base?: URL): URL | null {
  if (control.test(text.trim())) return null;
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
}
