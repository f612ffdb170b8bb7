import { fold } from './fold.js';
import { functionWords, type Language } from './function-words.js';
import { withoutParticle } from './korean.js';
import type { Phrase } from './phrase.js';
import { stem } from './stems.js';
import type { Token } from './words.js';

/**
 * What is known of a language beside its function words: where a phrase has its head, and which words end one. The lists
 * are short on purpose: an unknown verb is taken for a part of the name, which then fits less, never more.
 */
export interface Grammar {
  head: 'first' | 'last';
  /** Nothing shows which word of a compound is the head (phrases.ts). */
  whole: Phrase['whole'];
  /** Which phrase a caption is about where no particle tells. */
  subject: 'first' | 'last';
  /** Words that describe and never name: colours, sizes, "picture of". */
  light: ReadonlySet<string>;
  isLight(word: string): boolean;
  /** Further spellings of a word. */
  alsoKnownAs(word: string): string[];
  read(token: Token, around: { next?: Token; before?: Token; run: number }): Reading;
}

export interface Reading {
  /** The word belongs to a phrase. */
  inside: boolean;
  /** A phrase ends before it. */
  before?: boolean;
  /** A phrase ends after it: and is the subject, describes what follows, or is described by it. */
  after?: 'end' | 'subject' | 'modifier' | 'of';
  /** What follows is not there. */
  denies?: boolean;
}

const set = (text: string) => new Set(text.normalize('NFKC').split(' ').filter(Boolean).map(fold));
/** Without, no, not: of all languages. */
const denials = set(
  'ohne kein keine keinen nicht sans pas sin no senza non sem nao zonder geen niet без не нет بدون لا ليس ללא בלי 没有 没 无 不 ไม่ ไม่มี ບໍ່ គ្មាន 없는',
);
const none: ReadonlySet<string> = new Set();

interface Facts {
  head?: Grammar['head'];
  whole?: Phrase['whole'];
  subject?: Grammar['subject'];
  light?: string;
  verbs?: string;
  /** Words between a description and what it describes, and the other way round. */
  links?: string;
  of?: string;
  /** Words after the subject. */
  marks?: string;
  isVerb?(token: Token, around: { next?: Token; before?: Token; run: number }): boolean;
  isLight?(word: string): boolean;
  alsoKnownAs?(word: string): string[];
  read?: Grammar['read'];
}

function grammar(language: Language, facts: Facts): Grammar {
  const [light, verbs, links, of, marks] = [facts.light, facts.verbs, facts.links, facts.of, facts.marks].map((text) =>
    text ? set(text) : none,
  ) as [Set<string>, Set<string>, Set<string>, Set<string>, Set<string>];
  // Descriptions are inflected.
  const lightStems = new Set([...light].map((word) => stem(word, language)));
  return {
    head: facts.head ?? 'last',
    whole: facts.whole ?? null,
    subject: facts.subject ?? 'first',
    light,
    isLight: (word) => light.has(word) || lightStems.has(stem(word, language)) || (facts.isLight?.(word) ?? false),
    alsoKnownAs: facts.alsoKnownAs ?? (() => []),
    read(token, around) {
      const { word } = token;
      if (links.has(word)) return { inside: false, after: 'modifier' };
      if (of.has(word)) return { inside: false, after: 'of' };
      if (marks.has(word)) return { inside: false, after: 'subject' };
      if (denials.has(word)) return { inside: false, after: 'end', denies: true };
      if (functionWords[language].has(word) || verbs.has(word) || facts.isVerb?.(token, around))
        return { inside: false, after: 'end' };
      return facts.read?.(token, around) ?? { inside: true };
    },
  };
}

/** Han characters that stand before a noun within one word: 小狗 is a dog (狗). */
const smallHan = /^[大小老幼白黑红黄蓝绿灰棕紫赤青茶子](?=\p{Script=Han})/u;
const withoutSmall = (word: string) => (smallHan.test(word) ? [word.replace(smallHan, '')] : []);

/** Japanese words for where something is. */
const places = set('上 下 中 前 後ろ 横 隣 そば 間 外 周り 近く');

const isCapital = (token: Token | undefined) => token !== undefined && /^\p{Lu}/u.test(token.text);

export const grammars: Record<Exclude<Language, 'en'>, Grammar> & { en?: never } = {
  // Nouns are written with a capital: what is not, after one that is, is no part of the name.
  de: grammar('de', {
    head: 'last',
    light:
      'rot gelb blau grün schwarz weiß braun grau rosa lila orange groß klein jung alt neu lang kurz dick dünn schön süß nass hell ' +
      'dunkel bunt wild müde fröhlich glücklich rothaarig viel paar foto bild aufnahme video',
    verbs:
      'läuft laufen rennt rennen geht gehen sitzt sitzen steht stehen liegt liegen schläft schlafen springt springen fliegt fliegen ' +
      'schwimmt schwimmen spielt spielen frisst fressen isst essen trinkt trinken fährt fahren hält halten trägt tragen reitet reiten ' +
      'tanzt tanzen singt singen klettert klettern wartet warten schaut schauen sieht sehen jagt jagen bellt bellen bewegt bewegen',
    read: (token, { before }) => ({
      inside: true,
      before: before !== undefined && isCapital(before) && !isCapital(token) && token.joined === '',
    }),
  }),
  fr: grammar('fr', {
    verbs:
      'dort dorment court courent marche marchent nage nagent vole volent saute sautent joue jouent mange mangent boit boivent assis assise assises debout couche couchee traverse conduit danse regarde porte roule chante',
    head: 'first',
    of: 'de d',
    light:
      'rouge jaune bleu bleue vert verte noir noire blanc blanche brun brune gris grise rose grand grande petit petite jeune vieux ' +
      'vieille beau belle joli jolie nouveau nouvelle gros grosse photo image vidéo vue groupe troupeau bol tasse morceau paire tranche',
  }),
  es: grammar('es', {
    verbs:
      'duerme duermen corre corren camina caminan nada nadan vuela vuelan salta saltan juega juegan come comen bebe beben sentado sentada sentados corriendo durmiendo comiendo bebiendo jugando volando nadando caminando cruza conduce baila mira toca lleva canta',
    head: 'first',
    of: 'de',
    light:
      'rojo roja amarillo amarilla azul verde negro negra blanco blanca marrón gris rosa gran grande pequeño pequeña joven viejo vieja ' +
      'bonito bonita hermoso hermosa nuevo nueva foto imagen vídeo video vista grupo manada taza trozo par rebanada',
  }),
  it: grammar('it', {
    verbs:
      'dorme dormono corre corrono cammina camminano nuota nuotano vola volano salta saltano gioca giocano mangia mangiano beve bevono seduto seduta seduti guida balla guarda suona porta attraversa canta',
    head: 'first',
    of: 'di',
    light:
      'rosso rossa giallo gialla blu verde nero nera bianco bianca marrone grigio grigia rosa grande piccolo piccola giovane vecchio ' +
      'vecchia bello bella nuovo nuova foto immagine video vista gruppo branco tazza pezzo paio fetta',
  }),
  pt: grammar('pt', {
    verbs:
      'dorme dormem corre correm caminha caminham nada nadam voa voam salta pula joga brinca come comem bebe bebem sentado sentada correndo dormindo comendo bebendo jogando brincando voando nadando dirige danca olha toca canta',
    head: 'first',
    of: 'de',
    light:
      'vermelho vermelha amarelo amarela azul verde preto preta branco branca marrom cinza rosa grande pequeno pequena jovem velho velha ' +
      'bonito bonita novo nova foto imagem vídeo vista grupo rebanho xícara pedaço par fatia',
  }),
  nl: grammar('nl', {
    head: 'last',
    light:
      'rood rode geel gele blauw blauwe groen groene zwart zwarte wit witte bruin bruine grijs grijze groot grote klein kleine jong jonge oud oude mooi mooie foto video',
    verbs:
      'loopt lopen rent rennen zit zitten staat staan ligt liggen slaapt slapen springt springen vliegt vliegen zwemt zwemmen speelt spelen eet eten drinkt drinken rijdt rijden',
  }),
  ru: grammar('ru', {
    verbs:
      'бежит бегут идет идут сидит сидят стоит стоят лежит лежат спит спят прыгает прыгают летит летят летает плывет плывут плавает играет играют ест едят пьет пьют едет едут смотрит держит танцует поет',
    head: 'first',
    isLight: (word) =>
      /(ый|ий|ой|ая|яя|ое|ее|ые|ие|ого|его|ому|ему|ым|им|ую|юю|ых|их)$/u.test(word) &&
      word.length > 4 &&
      !/ни(е|ю|ем)$/u.test(word),
    light: 'фото картина видео',
  }),
  ar: grammar('ar', {
    head: 'first',
    light:
      'أحمر حمراء أصفر صفراء أزرق زرقاء أخضر خضراء أسود سوداء أبيض بيضاء بني رمادي كبير كبيرة صغير صغيرة جميل جميلة قديم قديمة جديد ' +
      'جديدة صورة فيديو مشهد مجموعة قطيع كوب قطعة زوج',
    verbs:
      'يركض تركض يجلس تجلس ينام تنام يمشي تمشي يطير تطير يسبح تسبح يأكل تأكل يشرب تشرب يلعب تلعب يقف تقف يقود تقود يعزف تعزف يقفز ' +
      'تقفز يرقص ترقص يحمل تحمل يسير تسير يتحرك تتحرك',
    // A verb in front of its subject: يركض الثعلب.
    isVerb: ({ word }, { next, run }) =>
      /^[يت]/u.test(word) &&
      word.length > 3 &&
      (run > 0 ? word.startsWith('ي') : next !== undefined && /^ال/u.test(next.word)),
    // "And" is written together with what follows.
    read: ({ word }, { run }) => ({ inside: true, before: run > 0 && /^و/u.test(word) && word.length > 3 }),
    alsoKnownAs: (word) => {
      const bare = word.replace(/^(?:[وفبك]|لل(?=..))?(?:ال)?(?=...)/u, '');
      return [bare, stem(bare, 'ar'), ...(/^[وبل]/u.test(word) && word.length > 3 ? [word.slice(1)] : [])];
    },
  }),
  // Of languages that nothing is known of, a prompt names what has all its words in it.
  other: grammar('other', { whole: 'among' }),
  he: grammar('he', {
    head: 'first',
    light: 'אדום לבן שחור גדול קטן',
    alsoKnownAs: (word) => [word.replace(/^ה(?=...)/u, '')],
  }),
  zh: grammar('zh', {
    head: 'last',
    links: '的',
    light:
      '红 黄 蓝 绿 黑 白 灰 棕 紫 粉 红色 黄色 蓝色 绿色 黑色 白色 灰色 棕色 紫色 粉色 粉红色 橙色 金色 大 小 老 新 旧 高 长 巨大 可爱 美丽 漂亮 年轻 一群 照片 图片 视频',
    verbs:
      '跑 奔跑 走 行走 散步 坐 站 躺 睡 睡觉 跳 跳跃 跳舞 飞 飞翔 飞行 游 游泳 游动 玩 玩耍 吃 喝 看 骑 开 弹 弹奏 演奏 唱 唱歌 拿 抱 行驶 驶过 停 停在 移动 旋转 ' +
      '爬 追 追逐 咬 叫 洗 打 踢 画 读 写 工作 升起 落下 燃烧 盛开 漂浮 航行 降落 起飞 跃 出 戴 戴着 穿 穿着 休息 微笑 跳过 穿过 飞过 走过 来 去',
    // A verb and its particle are often one entry of the dictionary: 睡在, 戴着.
    isVerb: ({ word }) =>
      /^.+[在着了过到]$/u.test(word) ||
      /^[一二两三四五六七八九十几多数\d]+[只个条辆匹头群朵棵张座艘架台位名件杯碗片块颗双对把本]?$/u.test(word),
    alsoKnownAs: withoutSmall,
  }),
  ja: grammar('ja', {
    head: 'last',
    subject: 'last',
    links: 'な',
    marks: 'が は',
    // 走る, 赤い, 走った before a noun describe it.
    isLight: (word) => /^\p{Script=Han}+\p{Script=Hiragana}*[いうくぐすつぬぶむるた]$/u.test(word),
    // 木の下: の before a place is a preposition.
    read: ({ word }, { next }) =>
      word === 'の' ? { inside: false, after: next && places.has(next.word) ? 'end' : 'modifier' } : { inside: true },
    light:
      '赤い 青い 黄色い 白い 黒い 緑 大きい 大きな 小さい 小さな 赤 青 黄色 白 黒 茶色 茶色い かわいい 可愛い 古い 新しい 美しい 若い 写真 画像 動画 一匹 二匹',
    alsoKnownAs: withoutSmall,
  }),
  // Particles hang on the words themselves.
  ko: grammar('ko', {
    head: 'last',
    subject: 'last',
    light: '빨간 파란 노란 하얀 검은 큰 작은 귀여운 오래된 새 젊은 아름다운 사진 영상',
    isVerb: ({ word }, { run }) => run > 0 && /다$/u.test(word),
    read: ({ word }) => {
      const particle = withoutParticle(word)?.particle;
      if (particle === undefined) return { inside: true };
      return {
        inside: true,
        after: particle === '의' ? 'modifier' : particle === '이' || particle === '가' ? 'subject' : 'end',
      };
    },
    alsoKnownAs: () => [],
  }),
  th: grammar('th', {
    whole: 'exactly',
    light: 'สี แดง เหลือง น้ำเงิน เขียว ดำ ขาว เทา น้ำตาล ส้ม ชมพู ม่วง ใหญ่ เล็ก น้อย เก่า ใหม่ สวย น่ารัก ภาพ รูป วิดีโอ ตัวใหญ่ ตัวเล็ก',
    verbs:
      'วิ่ง เดิน นั่ง ยืน นอน หลับ กิน ดื่ม บิน ว่าย ว่ายน้ำ กระโดด เล่น ขับ ขี่ เต้น เต้นรำ ร้องเพลง อ่าน เขียน มอง ดู ถือ ใส่ สวม แล่น จอด ลอย หมุน ขยับ ปีน ไล่ เห่า ' +
      'ล้าง ทำ พัก ส่อง ตก บาน',
  }),
  lo: grammar('lo', { whole: 'exactly', light: 'ສີ ແດງ ຂາວ ດຳ ໃຫຍ່ ນ້ອຍ', verbs: 'ແລ່ນ ຍ່າງ ນັ່ງ ນອນ ກິນ ດື່ມ ບິນ ຫຼິ້ນ' }),
  km: grammar('km', { whole: 'exactly', light: 'ពណ៌ ក្រហម ស ខ្មៅ ធំ តូច', verbs: 'រត់ ដើរ អង្គុយ ឈរ ដេក ស៊ី ផឹក ហោះ លេង ហែល' }),
};
