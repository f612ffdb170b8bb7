import { type FileHandle, stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import type { VimiError } from '../../core/errors.js';
import { mayBeMedia, otherKind, unknownKind } from '../../media/file-kinds.js';
import { signatureBytes } from '../../media/image-formats.js';
import { openTar } from '../../media/open-tar.js';
import { tarAddress } from '../../media/tar-address.js';
import { type TarMember, tarMembers } from '../../media/tar-members.js';
import { textOf } from '../../media/text-of.js';
import { captionIn, mostBytes, sidecarNames } from '../../operators/media/sidecar.js';
import { Reading } from './expected-media.js';
import { labelsIn } from './labels-in.js';
import { hasMediaName, hasTextName } from './media-names.js';
import type { MediaSource } from './media-source.js';
import { type OfferedMedium, versionOf, whyNotOffered } from './offered-medium.js';
import type { PassedOver } from './passed-over.js';

/*
 * A tar in the layout of WebDataset: the members of one sample follow each other and share a key, which is their name up
 * to the first dot: 0001.jpg, 0001.txt, 0001.json. The text is the caption; of JSON also `source`, `licence` and the wanted labels count. Only
 * headers and texts are read here, never the media: `fetch` reads a member where it lies in the tar.
 */

/** What `tar` makes of a folder has the order of the disk. */
const apart = 'a text apart from its medium: members of a sample must follow each other (tar --sort=name)';

/** Of one sample; a tar that has more is read in pieces. */
const mostMembers = 1000;

interface Sample {
  key: string;
  members: TarMember[];
  /** It has a member that cannot be read. */
  isPartial?: boolean;
}

export function webDataset(
  path: string,
  { mediaRoots: roots, workDir, labels }: { mediaRoots: string[]; workDir: string; labels: readonly string[] },
): MediaSource {
  const reading = new Reading();
  return {
    name: path,
    expected: () => reading.expected,
    async *media(passedOver) {
      const tar = await openTar(path, path, roots, workDir);
      try {
        const { size, mtimeMs } = await stat(tar.realPath);
        const state = [size, mtimeMs];
        let sample: Sample = { key: '', members: [] };
        const offer = (finished: Sample) =>
          offerSample(finished, { path, file: tar.handle, state, passedOver, reading, labels });
        const onNoEnd = () => passedOver.add('the end of a tar is missing: it may be cut short', path);
        for await (const member of tarMembers(tar.handle, tar.size, { where: path, onNoEnd })) {
          const { name, obstacle } = member;
          reading.read((member.at + member.size) / tar.size);
          if (basename(name).startsWith('.')) passedOver.add('hidden', `${path}/${name}`);
          else {
            const key = keyOf(name);
            if (key !== sample.key || sample.members.length === mostMembers) {
              yield* offer(sample);
              sample = { key, members: [] };
            }
            if (obstacle) {
              passedOver.add(obstacle, `${path}/${name}`);
              sample.isPartial = true;
            } else sample.members.push(member);
          }
        }
        yield* offer(sample);
      } finally {
        await tar.close();
      }
    },
  };
}

interface Tar {
  path: string;
  file: FileHandle;
  /** Tells it from another tar of the same name. */
  state: number[];
  passedOver: PassedOver;
  reading: Reading;
  /** Fields of a JSON that the event is to have as labels. */
  labels: readonly string[];
}

async function* offerSample({ key, members, isPartial }: Sample, tar: Tar): AsyncGenerator<OfferedMedium> {
  const { path, passedOver, reading } = tar;
  const media: TarMember[] = [];
  const others: [reason: string, member: TarMember][] = [];
  for (const member of members) {
    const why = await whyNoMedium(member, tar.file);
    if (why === null) media.push(member);
    else others.push([why, member]);
  }
  // 0001.seg.png beside 0001.jpg is another column of the sample, and no medium of its own.
  const plain = media.filter(({ name }) => basename(name).split('.').length <= 2);
  const offered = plain.length > 0 ? plain : media;
  for (const member of media) if (!offered.includes(member)) others.push(['a further part of a sample', member]);
  const used = new Set<TarMember>();
  for (const member of offered) {
    const { name, header, size } = member;
    try {
      const told = await textsOf(name, key, members, tar);
      for (const text of told.members) used.add(text);
      const medium = { uri: tarAddress({ path, header, name }), ...told.facts };
      const why = whyNotOffered(medium);
      if (why !== null) passedOver.add(why, `${path}/${name}`);
      else {
        reading.offered();
        yield { ...medium, version: versionOf(...tar.state, size, JSON.stringify(told.facts)) };
      }
    } catch (error) {
      // The text alone is bad; a tar that cannot be read says so at its next header.
      passedOver.add(`${(error as VimiError).summary}`, `${path}/${name}`);
    }
  }
  for (const [why, member] of others)
    if (!used.has(member))
      passedOver.add(media.length === 0 && !isPartial && why === 'text' ? apart : why, `${path}/${member.name}`);
}

/** What the texts of a sample say of a medium in it, and which they are. */
async function textsOf(medium: string, key: string, members: TarMember[], { path, file, labels }: Tar) {
  const facts: Pick<OfferedMedium, 'caption' | 'labels' | 'source' | 'licence'> = {};
  const found: TarMember[] = [];
  const names = [...sidecarNames(basename(medium)), ...sidecarNames(basename(`${key}.`))];
  for (const name of new Set(names)) {
    const member = members.find((one) => basename(one.name) === name);
    if (!member) continue;
    found.push(member);
    const isJson = extname(name).toLowerCase() === '.json';
    if (facts.caption !== undefined && !isJson) continue;
    const length = Math.min(member.size, mostBytes(name) + 1);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, member.at);
    const bytes = buffer.subarray(0, bytesRead);
    const caption = captionIn(name, bytes, `${path}/${member.name}`);
    if (caption !== undefined) facts.caption ??= caption;
    if (isJson) Object.assign(facts, { ...told(textOf(bytes, name), labels), ...facts });
  }
  return { facts, members: found };
}

function told(json: string, labels: readonly string[]): Pick<OfferedMedium, 'labels' | 'source' | 'licence'> {
  const value: unknown = JSON.parse(json);
  if (typeof value !== 'object' || value === null) return {};
  const { source, licence, license = licence } = value as Record<string, unknown>;
  return {
    ...(typeof source === 'string' && source !== '' && { source }),
    ...(typeof license === 'string' && license !== '' && { licence: license }),
    ...labelsIn(value as Record<string, unknown>, labels),
  };
}

async function whyNoMedium({ name, at, size }: TarMember, file: FileHandle): Promise<string | null> {
  if (hasMediaName(name)) return null;
  if (hasTextName(name)) return 'text';
  const length = Math.min(size, signatureBytes);
  if (length === 0) return 'an empty file';
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, at);
  return mayBeMedia(buffer) ? null : (otherKind(buffer) ?? unknownKind);
}

function keyOf(name: string): string {
  const file = basename(name);
  return name.slice(0, name.length - file.length) + file.split('.')[0];
}
