import { describe, expect, it } from 'vitest';
import { isNamed, isOnlyMentioned } from '../../src/language/names.js';
import { phrasesOf } from '../../src/language/phrases.js';

const names = (prompt: string, caption: string) => isNamed(phrasesOf(caption), phrasesOf(prompt));

describe('[kind 6] a prompt names a caption', () => {
  it.each([
    ['a fox moves left on a blue background', 'a fox'],
    ['The fox runs through the snow.', 'a red fox runs through snow'],
    ['two foxes', 'a fox'],
    ['mice in a kitchen', 'a mouse'],
    ['an apple and a cell phone', 'a red apple'],
    ['a bicycle leaning against a tree', 'a palm tree'],
    ['a cat watches the sun rise', 'a cat'],
    ['In the park, two dogs play', 'Two dogs are playing in the park'],
    ['a herd of wild horses gallops across the plain', 'a horse'],
    ['close-up of a bee on a flower', 'a photo of a bee'],
    ['a koala bear playing piano', 'a koala'],
    ['a cup on a table', 'a cup of bubble tea'],
    ['scissors', 'a pair of scissors'],
    ['a pizza', 'a slice of pizza'],
    ['a view of the bay of Dugibór', 'the bay of Dugibor'],
    ['a bird building a nest', 'a bird'],
    ['golden fish swimming in the ocean', 'a tropical fish'],
    ['A man in a red shirt plays guitar', 'A young man is singing on stage'],
    ['a 🐶 runs', 'my dog 🐶'],
    ['un zorro en el bosque', 'un zorro rojo corre por la nieve'],
    ['un groupe de chats', 'un chat dort'],
    ['лиса в лесу', 'рыжая лиса бежит по снегу'],
    ['在雪地里奔跑的狐狸', '狐狸'],
    ['雪の中を走るキツネ', '赤いきつね'],
    ['사과를 먹는 아이', '빨간 사과'],
    ['लाल लोमड़ी', 'लोमड़ी'],
  ])('%s — %s', (prompt, caption) => {
    expect(names(prompt, caption)).toBe(true);
  });
});

describe('[kind 6] a prompt does not name a caption', () => {
  it.each([
    ['a red suitcase', 'a red apple'],
    ['a green apple', 'a red apple'],
    ['Flying through fantasy landscapes', 'a flying saucer'],
    ['an oven on the top of a toaster', 'a top hat'],
    ['a fire hydrant', 'a fire'],
    ['a hot dog', 'a dog'],
    ['a dog', 'a hot dog'],
    ['a teddy bear', 'a bear'],
    ['a baseball bat', 'a bat'],
    ['a wine glass', 'a pair of glasses'],
    ['a beach in spring', 'a hot spring'],
    ['an oak tree', 'a palm tree'],
    ['cherry trees', 'a pair of cherries'],
    ['a train station', 'a train'],
    ['a corgi’s head', 'a corgi'],
    ["a dog's house", 'a dog'],
    ["a cat's paws on a keyboard", 'a cat'],
    ['a star-shaped cookie', 'a star'],
    ['a street without a car', 'a car'],
    ['petting an animal (not a cat)', 'a cat'],
    ['A person is robot dancing', 'a robot'],
    ['a man with a dog', 'A woman walks her dog'],
    ['the bay of Naples', 'the bay of Dugibor'],
    ['Hunde die rennen', 'a game die'],
    ['eine Straße ohne Autos', 'ein Auto'],
    ['une niche de chien', 'un chien'],
    ['苹果树', '苹果'],
    ['汽车的轮子', '一辆汽车'],
    ['热狗', '一只狗'],
    ['りんごの木', 'りんご'],
    ['犬小屋', '犬'],
    ['사과 나무', '사과'],
    ['나무 사이', '사과'],
    ['สุนัขวิ่ง', 'สุนัขจิ้งจอก'],
    ['بيت الكلب', 'كلب'],
  ])('%s — %s', (prompt, caption) => {
    expect(names(prompt, caption)).toBe(false);
  });

  it('and has its word all the same where it means another thing', () => {
    const mentioned = (prompt: string, caption: string) => isOnlyMentioned(phrasesOf(caption), phrasesOf(prompt));
    expect(mentioned('a fire hydrant', 'a fire')).toBe(true);
    expect(mentioned('a fire', 'a fire')).toBe(false);
    expect(mentioned('a puppy', 'a dog')).toBe(false);
  });
});
