import { article } from './article.mjs';
import { pick } from './random.mjs';

/*
 * What a clip shows, said in other words than the world's own sentence "a fox moves left on a blue background". Two sets that share
 * no sentence, no way to name a background and no verb form: those to train with, and new ones, to measure with.
 */

/**
 * A verb in the present tense, and its participle.
 *
 * @typedef {readonly [finite: string, participle: string]} Verb
 * @typedef {{ subject: string, verb: Verb, where: string }} Act
 * @typedef {{ verbs: Readonly<Record<string, readonly Verb[]>>, backgrounds: readonly string[],
 *   whereabouts: Readonly<Record<string, readonly string[]>>, joints: readonly string[],
 *   sentences: readonly ((acts: readonly Act[], joint: string, background: string) => string)[] }} Wording
 * `backgrounds`: of a colour, for which `C` stands, with its article.
 */

/** @param {string} way @param {...Verb} verbs @returns {Verb[]} */
const along = (way, ...verbs) => verbs.map(([finite, participle]) => [`${finite} ${way}`, `${participle} ${way}`]);

/** @type {readonly [Verb, Verb, Verb, Verb]} */
const [go, move, run, slide] = [
  ['goes', 'going'],
  ['moves', 'moving'],
  ['runs', 'running'],
  ['slides', 'sliding'],
];
/** @type {readonly [Verb, Verb]} */
const [travel, glide] = [
  ['travels', 'travelling'],
  ['glides', 'gliding'],
];

/** @param {(verb: Verb) => string} said @returns {(acts: readonly Act[], joint: string) => string} */
const told = (said) => (acts, joint) =>
  acts.map(({ subject, verb, where }) => `${subject} ${said(verb)}${where}`).join(joint);
const finite = told(([present]) => present);
const participle = told(([, ing]) => ing);
const progressive = told(([, ing]) => `is ${ing}`);

/** @param {'left' | 'right'} side */
const sideways = (side) => [
  ...along(side, move, go, run),
  ...along(`to the ${side}`, move, run, slide),
  ...along(`${side}wards`, go, run, slide),
];

/** @param {'left' | 'right'} side */
const newSideways = (side) => [
  ...along(`towards the ${side}`, move, go, travel),
  ...along(`${side}wards`, move, glide),
  ...along(`to the ${side}`, go),
];

/** @type {Readonly<Record<'trained' | 'new', Wording>>} */
export const wordings = {
  trained: {
    verbs: {
      left: sideways('left'),
      right: sideways('right'),
      up: [['rises', 'rising'], ...along('up', move, go, slide), ...along('upwards', go, run)],
      down: [
        ['falls', 'falling'],
        ['sinks', 'sinking'],
        ...along('down', move, go, slide),
        ...along('downwards', go, run),
      ],
      bounce: [
        ['bounces', 'bouncing'],
        ['jumps up and down', 'jumping up and down'],
        ['hops', 'hopping'],
      ],
      grow: [
        ['grows', 'growing'],
        ['gets bigger', 'getting bigger'],
        ['becomes larger', 'becoming larger'],
      ],
      shrink: [
        ['shrinks', 'shrinking'],
        ['gets smaller', 'getting smaller'],
        ['becomes tiny', 'becoming tiny'],
      ],
      spin: [
        ['spins', 'spinning'],
        ['turns around', 'turning around'],
        ['rotates', 'rotating'],
      ],
      circle: [
        ['circles', 'circling'],
        ['moves in a circle', 'moving in a circle'],
        ['goes round in circles', 'going round in circles'],
      ],
      still: [
        ['stays still', 'staying still'],
        ['stands still', 'standing still'],
        ['does not move', 'not moving'],
      ],
    },
    backgrounds: [
      'on C background',
      'across C field',
      'before C wall',
      'over C ground',
      'against C backdrop',
      'in front of plain C',
    ],
    whereabouts: {
      whole: [''],
      left: [' on the left', ' at the left'],
      right: [' on the right', ' at the right'],
      top: [' at the top', ' above'],
      bottom: [' at the bottom', ' below'],
    },
    joints: [' and ', ' while '],
    sentences: [
      (acts, joint, background) => `${finite(acts, joint)} ${background}`,
      (acts, joint, background) => `${background}, ${finite(acts, joint)}`,
      (acts, joint, background) => `${progressive(acts, joint)} ${background}`,
      (acts, joint, background) => `a video of ${participle(acts, joint)} ${background}`,
      (acts, joint, background) => `there is ${participle(acts, joint)} ${background}`,
    ],
  },
  new: {
    verbs: {
      left: newSideways('left'),
      right: newSideways('right'),
      up: [...along('upwards', move, slide, glide), ...along('up', run, travel)],
      down: [...along('downwards', move, slide, glide), ...along('down', run, travel)],
      bounce: [
        ['bounces up and down', 'bouncing up and down'],
        ['hops up and down', 'hopping up and down'],
        ['jumps', 'jumping'],
      ],
      grow: [
        ['gets larger', 'getting larger'],
        ['becomes bigger', 'becoming bigger'],
        ['grows larger', 'growing larger'],
      ],
      shrink: [
        ['becomes smaller', 'becoming smaller'],
        ['gets tiny', 'getting tiny'],
        ['grows smaller', 'growing smaller'],
      ],
      spin: [
        ['spins around', 'spinning around'],
        ['rotates around itself', 'rotating around itself'],
        ['turns', 'turning'],
      ],
      circle: [
        ['circles round', 'circling round'],
        ['goes in a circle', 'going in a circle'],
        ['moves round in circles', 'moving round in circles'],
      ],
      still: [
        ['stands without moving', 'standing without moving'],
        ['holds still', 'holding still'],
        ['stays where it is', 'staying where it is'],
      ],
    },
    backgrounds: ['against C wall', 'over C field', 'on C backdrop', 'across C ground', 'before plain C'],
    whereabouts: {
      whole: [''],
      left: [' in the left half'],
      right: [' in the right half'],
      top: [' in the upper half'],
      bottom: [' in the lower half'],
    },
    joints: [', and ', '; '],
    sentences: [
      (acts, joint, background) => `${background}: ${participle(acts, joint)}`,
      (acts, joint, background) => `a clip in which ${finite(acts, joint)} ${background}`,
      (acts, joint, background) => `there, ${background}, ${progressive(acts, joint)}`,
      (acts, joint, background) => `here ${finite(acts, joint)}, ${background}`,
    ],
  },
};

/**
 * A caption in the words of a set, drawn from `random`. A movement that only other clips tell keeps its own verb.
 *
 * @param {() => number} random
 * @param {Wording} wording
 * @param {import('./scene.mjs').Scene} scene
 */
export function reworded(
  random,
  { verbs, backgrounds, whereabouts, joints, sentences },
  { actors, background, fence },
) {
  const acts = actors.map(({ phrase, motion, place, change, verb }) => ({
    subject: change ? `${phrase} ${change}` : phrase,
    verb: verb === undefined ? pick(random, verbs[motion] ?? []) : /** @type {Verb} */ ([verb, verb]),
    where: pick(random, whereabouts[place] ?? ['']) + (fence ? ` behind a ${fence} fence` : ''),
  }));
  const own = actors.some(({ verb }) => verb !== undefined);
  const sentence = own ? /** @type {typeof sentences[0]} */ (sentences[0]) : pick(random, sentences);
  const behind =
    'image' in background ? `in front of ${background.image}` : coloured(pick(random, backgrounds), background.colour);
  return sentence(acts, pick(random, joints), behind);
}

/** @param {string} background @param {string} colour */
const coloured = (background, colour) =>
  background.replace('plain C', `plain ${colour}`).replace('C', `${article(colour)} ${colour}`);
