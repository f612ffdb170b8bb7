import { comparablePath, longestMatch } from './path-rules.js';

/** The groups of a robots.txt that speak to one robot. */
export interface RobotRules {
  /** In the file's order, allows before disallows of the same pattern. */
  access: { pattern: string; allows: boolean }[];
  /** AIPREF: `Content-Usage: [PATTERN] train-ai=n`. */
  usage: { pattern: string; says: string }[];
  /** Crawl-delay, which is no standard: seconds between two requests. */
  delay?: number;
}

/** More lines than this are not read. */
const mostLines = 50_000;

/** Reads a robots.txt (RFC 9309) for the robot of this name; groups of the same name are one. */
export function readRobots(text: string, robot: string): RobotRules {
  const groups = new Map<string, RobotRules>();
  let current: RobotRules[] = [];
  let isNaming = false;
  for (const line of text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/, mostLines)) {
    const [, key, value = ''] = /^[ \t]*([A-Za-z-]{1,40})[ \t]*:(.*)$/.exec(line.replace(/#.*$/, '')) ?? [];
    const said = value.trim();
    switch (key?.toLowerCase()) {
      case 'user-agent': {
        if (!isNaming) current = [];
        isNaming = true;
        // A version behind the name does not count.
        const name = said === '*' ? said : (/^[A-Za-z_-]+/.exec(said)?.[0] ?? said).toLowerCase();
        const group = groups.get(name) ?? { access: [], usage: [] };
        groups.set(name, group);
        current.push(group);
        break;
      }
      case 'allow':
      case 'disallow': {
        isNaming = false;
        const allows = key!.toLowerCase() === 'allow';
        if (said !== '') for (const { access } of current) access.push({ pattern: said, allows });
        break;
      }
      case 'crawl-delay': {
        isNaming = false;
        const seconds = Number.parseFloat(said);
        if (seconds >= 0) for (const group of current) group.delay = seconds;
        break;
      }
      case 'content-usage': {
        isNaming = false;
        const [, pattern = '/', says = ''] = /^(\/\S*)?\s*(.*)$/.exec(said) ?? [];
        for (const { usage } of current) usage.push({ pattern, says });
        break;
      }
    }
  }
  const rules = groups.get(robot.toLowerCase()) ?? groups.get('*') ?? { access: [], usage: [] };
  return { ...rules, access: [...rules.access].sort((a, b) => Number(b.allows) - Number(a.allows)) };
}

/** The line that keeps a robot from a path; undefined: it may read it. */
export function disallowedBy({ access }: RobotRules, url: URL): string | undefined {
  const path = pathOf(url);
  if (path === '/robots.txt') return undefined;
  const rule = longestMatch(access, path);
  return rule && !rule.allows ? `Disallow: ${rule.pattern}` : undefined;
}

/** What the file says of the use of a path, as a header would. */
export function usageOf({ usage }: RobotRules, url: URL): string | undefined {
  return longestMatch(usage, pathOf(url))?.says;
}

export function pathOf(url: URL): string {
  return comparablePath(`${url.pathname}${url.search}`);
}
