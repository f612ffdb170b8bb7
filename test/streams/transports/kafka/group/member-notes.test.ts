import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type DeadMember, MemberNotes } from '../../../../../src/streams/transports/kafka/group/member-notes.js';
import { testFolder } from '../../../../media/make-media.js';

async function deadIn(folder: string, group: string): Promise<DeadMember[]> {
  const dead = [];
  for await (const one of new MemberNotes(folder).dead(group)) dead.push(one);
  return dead;
}

/** What a killed process leaves. */
const leave = (folder: string, name: string, content: string) => {
  writeFileSync(join(folder, `member-${name}.json`), content);
  writeFileSync(join(folder, `member-${name}.lock`), '');
};

it('members that live are not found, and those that left in good order leave nothing', async () => {
  const folder = await testFolder();
  const living = new MemberNotes(folder);
  await living.write({ group: 'generate', memberId: 'first' });
  await living.write({ group: 'generate', memberId: 'second' });
  expect(await deadIn(folder, 'generate')).toEqual([]);
  await living.remove();
  expect(readdirSync(folder)).toEqual([]);
  expect(await deadIn(join(folder, 'missing'), 'generate')).toEqual([]);
});

it('members that died are found once by those of their group, until somebody has told the brokers', async () => {
  const folder = await testFolder();
  leave(folder, 'a', JSON.stringify({ group: 'generate', memberId: 'one' }));
  leave(folder, 'b', JSON.stringify({ group: 'corpus', memberId: 'two' }));
  const [dead, ...more] = await deadIn(folder, 'generate');
  expect(dead).toMatchObject({ group: 'generate', memberId: 'one' });
  expect(more).toEqual([]);
  // Whoever found it has it.
  expect(await deadIn(folder, 'generate')).toEqual([]);
  dead!.keep();
  const [again] = await deadIn(folder, 'generate');
  await again!.forget();
  expect(await deadIn(folder, 'generate')).toEqual([]);
  expect(readdirSync(folder).toSorted()).toEqual(['member-b.json', 'member-b.lock']);
});

it('a note that cannot be read says nothing, and goes', async () => {
  const folder = await testFolder();
  leave(folder, 'a', '{"group": "generate", "memb');
  expect(await deadIn(folder, 'generate')).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
});
