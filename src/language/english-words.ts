/** What the rules of english.ts know of single words. Short lists: an unknown word is taken for a part of a name. */
const set = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter(Boolean));

export const colours = set(
  'red orange yellow green blue purple pink black white brown grey gray golden gold silver turquoise violet cyan magenta beige crimson',
);

/** Words that describe and do not make it another thing. */
export const describing = new Set([
  ...colours,
  ...set(
    `big small large little tiny huge giant gigantic enormous tall short long high low wide narrow fat thin slim thick heavy
     young old new ancient antique vintage modern baby adult elderly
     cute beautiful pretty lovely handsome happy sad angry funny playful lonely lazy sleepy brave friendly fluffy fuzzy furry hairy shaggy
     bright dark light pale colourful colorful shiny glossy striped spotted dotted plain
     round square wet dry clean dirty fresh ripe broken empty full open closed
     single lone lonely majestic graceful elegant cozy cosy rustic ornate picturesque peaceful tranquil serene calm quiet
     cartoon animated realistic hyper super cool cold warm fast slow quick wild tame
     confused curious proud exquisite handcrafted simple typical real several many two three four five six seven eight nine ten few couple`,
  ),
]);

export const determiners = set(
  `a an the this that these those my your his her its our their some any every each another no one two three four five six
   seven eight nine ten many several few both all`,
);
/** These speak of one: what ends in -s after their noun is a verb. */
export const singularDeterminers = set('a an this that every each another one');

/** What follows is not there. */
export const denials = set('no not without neither nor except');

/** After these a bare word is a verb. */
export const beforeVerbs = set('to can could will would should may might must i you he she it we they who which');
export const auxiliaries = set('is are was were be been being am');

/** "In spring", "by train": no thing that is shown. */
export const manners = set('in on at by per via as');

/** "A slice of pizza" is about pizza, "a close-up of grapes" about grapes. */
export const measures = set(
  `slice piece pair bunch stack head group herd flock pack swarm school row rows pile heap lot kind type sort set couple crowd
   handful bit part line series variety number team band colony litter pride
   view shot photo photograph picture image painting drawing illustration sketch portrait video footage clip scene closeup
   close lapse rendering render model animation silhouette`,
);
/** "A cup of tea" is both. */
export const containers = set('cup bowl glass bottle plate box basket bag mug jar can bucket tray pot vase');

/** Nouns that end like verbs. */
export const ingNouns = set(
  `building painting ceiling ring king wing string spring swing thing morning evening wedding clothing lightning pudding dumpling duckling
   earring herring starling railing awning drawing offspring sling plaything sibling gosling seedling`,
);
export const edNouns = set('bed seed weed shed sled reed feed speed steed bread greed hundred moped centipede');
export const lyNouns = set(
  'butterfly dragonfly firefly family jelly belly lily fly bully ally rally monopoly anomaly assembly',
);
/** Nouns of one thing that end in -s. */
const sNouns = set(
  'gas lens canvas christmas atlas alias cactus chess dress glass compass mattress princess waitress species series',
);

/** Words that follow a noun and describe it. */
export const following = set(
  'next asleep awake alone away together apart ahead back high low forward forwards backward backwards left right upward upwards downward downwards front upside else full',
);

/** Verbs of what is seen in videos, in their plain form. */
const verbs = set(
  `run walk jump hop leap fly swim dive sit stand lie sleep wait eat drink bite chew lick sniff bark meow roar howl growl chirp sing
 dance play climb crawl creep slide glide float drift sail paddle surf ski skate ride drive race chase hunt follow lead pull push
 carry hold hang swing sway spin turn rotate circle roll bounce move stay stop go come leave arrive enter exit cross pass pace stroll
 wander roam march stomp trot gallop graze feed nibble munch swallow cook bake fry boil melt freeze burn glow shine sparkle flicker
 blink explode erupt burst break fall rise grow shrink bloom blossom open close shut smile laugh cry talk speak
 shout whisper look watch stare gaze glance read write draw type study teach learn build make create cut chop slice
 pour fill wash clean brush sweep wipe dry throw catch kick hit punch shoot aim fight wrestle hug kiss shake nod clap wear put take
 give get pick lift raise lower knit sew fold pack soar hover flap peck perch splash dip sink emerge appear
 disappear vanish change transform become live begin start end finish continue keep try help reveal surround cover approach
 accelerate speed slow travel journey explore discover stretch yawn wake snore dream relax enjoy celebrate perform compete win lose
 operate fix repair use feel smell taste hear listen think stay remain seem waddle slither scurry scamper prowl
 pounce stalk graze gather flow drip leak blow rustle flutter zoom tilt pan hurtle plunge tumble stumble slip
 skip strut prance stagger limp lean kneel squat crouch bend bow wink stir mix juggle balance strum dig
 zigzag orbit wobble swirl twirl whirl`,
);
/** Past forms that no rule makes. */
export const pasts = set(
  `stood sat ran flew swam ate lay fell rose hung took gave made went came held slept drove rode wore shone sang drank built grew
 became began threw caught fought dug swung spun crept leapt dove brought kept stuck worn made seen taken given driven ridden 
 known shown grown eaten fallen flown drawn`,
);

const irregular: Record<string, string> = {
  mice: 'mouse',
  children: 'child',
  men: 'man',
  women: 'woman',
  people: 'person',
  geese: 'goose',
  leaves: 'leaf',
  wolves: 'wolf',
  knives: 'knife',
  loaves: 'loaf',
  calves: 'calf',
  shelves: 'shelf',
  scarves: 'scarf',
  hooves: 'hoof',
  elves: 'elf',
  feet: 'foot',
  teeth: 'tooth',
  oxen: 'ox',
  dice: 'die',
  cacti: 'cactus',
  octopi: 'octopus',
  policemen: 'policeman',
  firemen: 'fireman',
  snowmen: 'snowman',
};
/** Of these one and many are written alike. */
const alike = set(
  'fish sheep deer moose salmon trout shrimp squid bison aircraft spacecraft series species sushi broccoli',
);

/** Spellings of a noun as one and as many. */
export function singulars(word: string): string[] {
  const one = irregular[word];
  if (one) return [word, one];
  if (!isPlural(word)) return [word];
  const found = [word, word.slice(0, -1)];
  if (/(?:s|x|z|ch|sh|o)es$/.test(word)) found.push(word.slice(0, -2));
  if (word.endsWith('ies') && word.length > 4) found.push(`${word.slice(0, -3)}y`);
  return found;
}

/** It may be a noun of many. */
export function isPlural(word: string): boolean {
  if (word in irregular || alike.has(word)) return true;
  return word.length > 2 && word.endsWith('s') && !/(?:ss|us|is)$/.test(word) && !sNouns.has(word);
}

/** It may be a form of a known verb: plain, -s. */
export function isKnownVerb(word: string): boolean {
  if (verbs.has(word) || pasts.has(word)) return true;
  if (!word.endsWith('s')) return false;
  return verbs.has(word.slice(0, -1)) || verbs.has(word.replace(/es$/, '')) || verbs.has(word.replace(/ies$/, 'y'));
}
