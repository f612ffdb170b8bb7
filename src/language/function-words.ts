import { fold } from './fold.js';

/**
 * Words that say nothing about what is shown: articles, prepositions, conjunctions, pronouns, auxiliaries, particles.
 * The one stop list: of retrieval, of names, of the weights of embeddings and of training. Folded as words are.
 */
const lists = {
  en:
    'a about above across after again against all along also am amid amidst among amongst an and any are around as at atop be ' +
    'because been before behind being below beneath beside besides between beyond both but by can could did do does doing ' +
    'down during each either every few for from further had has have having he her here hers him his how i if in inside into is it ' +
    'its itself just me more most my near nearby neither no nor not now of off on once only onto or other our ours out outside over ' +
    'own past per same she should so some such than that the their theirs them themselves then there these they this those ' +
    'through throughout to together too toward towards under underneath until up upon us very via was we were what when where ' +
    'which while who whom whose why will with within without would you your yours himself herself another s t ll re ve don',
  de:
    'der die das den dem des ein eine einen einem einer eines kein keine und oder aber in im an am auf aus bei beim mit nach ' +
    'von vom vor zu zum zur durch fur gegen ohne um uber unter hinter neben zwischen ist sind war waren wird werden hat haben ' +
    'er sie es ihr ihre ihren ihrem sein seine seinen seinem seiner sich nicht als wie auch noch dann da hier so sehr ' +
    'wahrend dass welche welcher zwei drei vier einige viele alle',
  fr:
    'le la les l un une des du de d au aux et ou mais dans sur sous avec sans par pour en vers chez entre devant derriere ' +
    'pendant est sont etait a ont il elle ils elles on son sa ses leur leurs ce cette ces se s qui que qu ne pas plus tres ' +
    'comme y deux trois quatre plusieurs',
  es:
    'el la los las lo un una unos unas de del al y e o u pero en sobre bajo con sin por para hacia entre desde hasta tras ante es ' +
    'son esta estan era su sus se que no muy mas como mientras dos tres cuatro varios varias',
  it:
    'il lo la i gli le l un uno una di del dello della dei degli delle da dal dalla in nel nello nella nei negli nelle su sul ' +
    'sullo sulla sui sulle con per tra fra a al allo alla ai alle e ed o ma che si non molto come mentre due tre quattro sono sta',
  pt:
    'o a os as um uma uns umas de do da dos das em no na nos nas por pelo pela para com sem sobre sob entre ate ao aos e ou ' +
    'mas que se nao muito mais como enquanto dois duas tres quatro esta estao sao seu sua seus suas',
  nl:
    'de het een en of maar in op aan bij met van voor naar door over onder achter naast tussen uit tegen zonder om te is zijn ' +
    'was waren wordt heeft hij zij ze haar hun er die dat deze dit niet als ook twee drie vier',
  ru:
    'и в во на с со у к ко по за из от до под над при для без о об а но или не он она оно они его ее их это как что который ' +
    'которая где два две три четыре перед между через около рядом',
  ar:
    'في على من الى إلى عن مع بين تحت فوق امام خلف خلال حول عند نحو و او أو ثم هو هي هم هذا هذه ذلك تلك التي الذي الذين ان أن ' +
    'كان كانت لا ما كل بعض بجانب داخل خارج قرب عبر وهو وهي',
  he: 'של על את עם אל מן בין תחת מעל ליד הוא היא הם זה זו אשר כי או גם לא יש',
  zh:
    '在 正在 正 和 与 跟 及 以及 或 把 被 将 从 向 往 朝 对 于 由 里 中 上 下 前 后 内 外 旁 旁边 前面 后面 上面 下面 里面 之间 中间 之上 之下 了 着 过 地 ' +
    '得 是 有 这 那 这个 那个 他 她 它 他们 她们 它们 其 也 都 就 还 又 很 非常 而 但 并 一边 个 只 辆 条 匹 头 群 朵 棵 张 把 座 艘 架 台 位 名 ' +
    '本 件 杯 碗 片 块 颗 双 对 一些 许多 几 着的 时 同时',
  ja:
    'が は を に で と へ も や から まで より か ね よ て し た だ な です ます いる ある おり いて ている んで って れる られ する した して しながら ' +
    'ながら この その あの これ それ 一 二 三 一匹 二匹 匹 頭 羽 台 本 人 つ ひとつ ふたつ 中 上 下 前 後ろ 横 隣 そば 間 中で',
  ko: '그리고 또는 그 이 저 한 두 세 네 마리 개 대 명 위 아래 옆 앞 뒤 속 안 에서 있는 있다',
  th:
    'ใน บน ที่ และ กับ ของ จาก ไป มา ให้ ได้ เป็น อยู่ กำลัง ใต้ ข้าง ข้างๆ หน้า หลัง ระหว่าง ริม ตาม ด้วย โดย หรือ แต่ ก็ จะ แล้ว นี้ นั้น ตัว คัน ลำ ' +
    'หนึ่ง สอง สาม สี่ ผ่าน สู่ เข้า ออก ขึ้น ลง ซึ่ง อย่าง',
  /** A script of which no language is known here. */
  other: '',
  lo: 'ໃນ ເທິງ ທີ່ ແລະ ກັບ ຂອງ ຈາກ ໄປ ມາ ໃຫ້ ເປັນ ຢູ່ ກຳລັງ ໃຕ້ ຂ້າງ ໜຶ່ງ ສອງ ໂຕ ຄັນ',
  km: 'នៅ ក្នុង លើ និង ជាមួយ របស់ ពី ទៅ មក ជា កំពុង ក្រោម មួយ ពីរ ដែល ឬ',
} as const;

export type Language = keyof typeof lists;
const languages = Object.keys(lists) as Language[];

export const functionWords = mapped(lists);

function mapped(texts: Record<Language, string>): Record<Language, ReadonlySet<string>> {
  const entries = languages.map((language) => [language, new Set(texts[language].split(' ').map(fold))] as const);
  return Object.fromEntries(entries) as unknown as Record<Language, ReadonlySet<string>>;
}
