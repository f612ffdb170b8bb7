import { execFileSync } from 'node:child_process';
import { accessSync, chmodSync, constants, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { VimiError } from '../core/errors.js';

export interface MediaTool {
  path: string;
  /** As the program states it, e.g. `7.1.1`. */
  version: string;
  /** When it was built, as it says; undefined where it does not. */
  year: number | undefined;
  /** Major version of libavutil, which tells its age where `version` is that of a git build. */
  libavutil: number;
  /** From node_modules: old static builds (see `year`), good for one's own media and not for strangers' files. */
  bundled: boolean;
}

export interface MediaTools {
  ffmpeg: MediaTool;
  ffprobe: MediaTool;
}

const packages = { ffmpeg: '@ffmpeg-installer/ffmpeg', ffprobe: '@ffprobe-installer/ffprobe' } as const;
const require = createRequire(import.meta.url);
const known = new Map<string, MediaTool>();

/**
 * The programs that read and write video: VIMI_FFMPEG and VIMI_FFPROBE when set, else what lies on PATH, else the
 * bundled builds. Each is looked for when it is first asked for, so that who needs one of them misses nothing of the
 * other: FFMPEG_NOT_FOUND when it does not run.
 */
export function mediaTools(env: NodeJS.ProcessEnv = process.env): MediaTools {
  return {
    get ffmpeg() {
      return find('ffmpeg', env.VIMI_FFMPEG, env.PATH);
    },
    get ffprobe() {
      return find('ffprobe', env.VIMI_FFPROBE, env.PATH);
    },
  };
}

function find(name: 'ffmpeg' | 'ffprobe', named = '', searchPath = ''): MediaTool {
  const key = [name, named, searchPath].join('\n');
  let tool = known.get(key);
  if (!tool) {
    tool = locate(name, named, searchPath);
    known.set(key, tool);
  }
  return tool;
}

function locate(name: 'ffmpeg' | 'ffprobe', named: string, searchPath: string): MediaTool {
  if (named !== '') return { path: named, ...describe(name, named), bundled: false };
  const file = process.platform === 'win32' ? `${name}.exe` : name;
  for (const folder of searchPath.split(delimiter).filter(Boolean)) {
    const path = join(folder, file);
    if (isExecutable(path)) return { path, ...describe(name, path), bundled: false };
  }
  const path = bundledPath(name);
  return { path, ...describe(name, path), bundled: true };
}

function bundledPath(name: 'ffmpeg' | 'ffprobe'): string {
  let path: string;
  try {
    ({ path } = require(packages[name]) as { path: string });
  } catch (cause) {
    const why = (cause as Error).message.split('\n')[0];
    throw notFound(name, `none on PATH, and no usable ${packages[name]}: ${why}`, cause);
  }
  try {
    // Where install scripts are off, nobody has made it executable yet.
    if (!isExecutable(path)) chmodSync(path, 0o755);
  } catch (cause) {
    throw notFound(name, `none on PATH, and ${path} may not be executed by this user (permission)`, cause, {
      remedy: `As the user who installed it: chmod 755 ${path}. Or install ffmpeg, or name it with VIMI_${name.toUpperCase()}.`,
    });
  }
  return path;
}

function describe(name: string, path: string): Pick<MediaTool, 'version' | 'year' | 'libavutil'> {
  try {
    const text = execFileSync(path, ['-version'], {
      encoding: 'utf8',
      timeout: 20_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const version = /version (\S+)/.exec(text)?.[1];
    if (version) {
      const year = /Copyright \(c\) (?:\d{4}-)?(\d{4})/.exec(text)?.[1];
      const libavutil = /libavutil\s+(\d+)\./.exec(text)?.[1];
      return {
        version,
        year: year ? Number(year) : undefined,
        libavutil: Number(libavutil ?? Number.MAX_SAFE_INTEGER),
      };
    }
    throw new Error(`it answers ${text.slice(0, 100)}`);
  } catch (cause) {
    const { code, message, signal } = cause as NodeJS.ErrnoException & { signal?: NodeJS.Signals | null };
    const why =
      code === 'EACCES'
        ? 'may not be executed by this user (permission)'
        : code === 'ETIMEDOUT'
          ? 'says nothing for 20 s when it is asked for its version'
          : signal
            ? `crashes when it is asked for its version (${signal})`
            : message;
    throw notFound(name, `${path}: ${why}`, cause);
  }
}

function notFound(name: string, found: string, cause: unknown, more: { remedy?: string } = {}): VimiError {
  const expected = `a working ${name}`;
  return new VimiError('FFMPEG_NOT_FOUND', `No working ${name} was found`, { expected, found, cause, ...more });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
