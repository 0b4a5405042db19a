// Numbers, dates and the order of texts, as en-US has them. What is asked for in another way is refused: what was formatted
// with its arguments passed over would be a wrong text that nobody sees.
(function (host, internals) {
  'use strict';

  const absent = (what) => new RangeError(`${what} is not available in phonebox actions, which format for en-US and in UTC alone: write the format out, or bundle a package that has it`);
  const choose = (options, name, allowed, otherwise) => {
    const given = options?.[name];
    if (given === undefined) return otherwise;
    if (!allowed.includes(given)) throw absent(`${name}: ${typeof given === 'string' ? `'${given}'` : `${given}`}`);
    return given;
  };
  const onlyKnown = (options, known) => {
    for (const name of Object.keys(options ?? {})) {
      if (options[name] !== undefined && !known.includes(name)) throw absent(`the option ${name}`);
    }
  };
  const inEnglish = (locales) => {
    const first = Array.isArray(locales) ? locales[0] : locales;
    if (first === undefined) return;
    if (typeof first !== 'string' && !(first instanceof String)) throw new TypeError('Incorrect locale information provided');
    if (!/^en(-latn)?(-us)?$/i.test(first)) throw absent(`the locale '${first}'`);
  };
  const LOCALE = ['localeMatcher', 'numberingSystem', 'calendar'];
  const common = (locales, options) => {
    inEnglish(locales);
    choose(options, 'numberingSystem', ['latn']);
    choose(options, 'calendar', ['gregory', 'iso8601']);
  };

  // ---- Numbers

  const SYMBOLS = { AUD: 'A$', BRL: 'R$', CAD: 'CA$', CNY: 'CN¥', EUR: '€', GBP: '£', HKD: 'HK$', ILS: '₪', INR: '₹', JPY: '¥', KRW: '₩', MXN: 'MX$', NZD: 'NZ$', PHP: '₱', TWD: 'NT$', USD: '$', VND: '₫', XAF: 'FCFA\u00a0', XCD: 'EC$', XCG: 'Cg.\u00a0', XOF: 'F CFA\u00a0', XPF: 'CFPF\u00a0' };
  const FRACTIONS = Object.fromEntries([['AFN ALL BIF CLP COP DJF GNF HUF IDR IQD IRR ISK JPY KMF KPW KRW LAK LBP MGA MMK PKR PYG RWF SLL SOS SYP UGX VND VUV XAF XOF XPF YER', 0], ['BHD JOD KWD LYD OMR TND', 3]].flatMap(([names, digits]) => names.split(' ').map((name) => [name, digits])));
  const NUMBER = [...LOCALE, 'style', 'currency', 'currencyDisplay', 'minimumIntegerDigits', 'minimumFractionDigits', 'maximumFractionDigits', 'useGrouping', 'notation', 'signDisplay', 'currencySign', 'roundingMode', 'roundingPriority', 'roundingIncrement', 'trailingZeroDisplay'];

  const digits = (options, name, least, most) => {
    const given = options?.[name];
    if (given === undefined) return undefined;
    const number = Number(given);
    if (!(number >= least && number <= most)) throw new RangeError(`${name} value is out of range.`);
    return Math.floor(number);
  };
  const numberOptions = (locales, options) => {
    common(locales, options);
    onlyKnown(options, NUMBER);
    for (const [name, only] of [['notation', 'standard'], ['signDisplay', 'auto'], ['currencySign', 'standard'], ['roundingMode', 'halfExpand'], ['roundingPriority', 'auto'], ['roundingIncrement', 1], ['trailingZeroDisplay', 'auto']]) choose(options, name, [only]);
    const style = choose(options, 'style', ['decimal', 'percent', 'currency'], 'decimal');
    if (style === 'currency' && options.currency === undefined) throw new TypeError('Currency code is required with currency style.');
    if (options?.currency !== undefined && !/^[a-z]{3}$/i.test(options.currency)) throw new RangeError(`Invalid currency code : ${options.currency}`);
    const currency = style === 'currency' ? `${options.currency}`.toUpperCase() : undefined;
    const display = choose(options, 'currencyDisplay', ['symbol', 'code'], 'symbol');
    const [usualLeast, usualMost] = style === 'currency' ? [FRACTIONS[currency] ?? 2, FRACTIONS[currency] ?? 2] : style === 'percent' ? [0, 0] : [0, 3];
    const [least, most] = [digits(options, 'minimumFractionDigits', 0, 100), digits(options, 'maximumFractionDigits', 0, 100)];
    if (least > most) throw new RangeError('maximumFractionDigits value is out of range.');
    return {
      style, currency, display,
      whole: digits(options, 'minimumIntegerDigits', 1, 21) ?? 1,
      least: least ?? Math.min(usualLeast, most ?? usualLeast),
      most: most ?? Math.max(usualMost, least ?? usualMost),
      grouped: choose(options, 'useGrouping', [true, false, 'auto', 'always', 'true', 'false'], true) !== false,
    };
  };
  // The digits before and behind the point of a number that is not below zero, written as the engine writes it.
  const written = (number) => {
    const [, before, behind = '', exponent = '0'] = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(`${number}`);
    const point = before.length + Number(exponent);
    const all = before + behind;
    return [all.slice(0, Math.max(point, 0)).padEnd(point, '0'), '0'.repeat(Math.max(-point, 0)) + all.slice(Math.max(point, 0))];
  };
  const rounded = (before, behind, most) => {
    if (behind.length <= most) return [before, behind];
    let number = BigInt(`0${before}${behind.slice(0, most)}`);
    if (behind[most] >= '5') number += 1n;
    const all = `${number}`.padStart(most + 1, '0');
    return [all.slice(0, all.length - most), all.slice(all.length - most)];
  };
  const formatNumber = (value, { style, currency, display, whole, least, most, grouped }) => {
    const negative = value < 0 || Object.is(value, -0);
    let text;
    if (Number.isNaN(value)) text = 'NaN';
    else if (value === Infinity || value === -Infinity) text = '∞';
    else {
      let [before, behind] = written(value < 0 ? -value : value);
      if (style === 'percent') [before, behind] = [before + behind.padEnd(2, '0').slice(0, 2), behind.slice(2)];
      [before, behind] = rounded(before, behind, most);
      before = before.replace(/^0+/, '').padStart(whole, '0');
      behind = behind.replace(/0+$/, '').padEnd(least, '0');
      text = (grouped ? before.replace(/\B(?=(\d{3})+$)/g, ',') : before) + (behind === '' ? '' : `.${behind}`);
    }
    if (style === 'percent') text += '%';
    if (currency !== undefined) {
      const symbol = display === 'symbol' && SYMBOLS[currency] || `${currency}\u00a0`;
      text = (/\d/.test(text) ? symbol : symbol.trimEnd()) + text;
    }
    return negative ? `-${text}` : text;
  };
  const numeric = (value) => (typeof value === 'bigint' ? value : typeof value === 'string' && /^\s*[+-]?\d{16,}\s*$/.test(value) ? BigInt(value) : Number(value));

  // ---- Dates

  const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
  const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
  const STYLES = ['full', 'long', 'medium', 'short'];
  const TEXTS = ['long', 'short', 'narrow'];
  const [DATE, TIME] = [['weekday', 'year', 'month', 'day'], ['hour', 'minute', 'second', 'fractionalSecondDigits']];
  const DATES = [...LOCALE, ...DATE, ...TIME, 'hour12', 'hourCycle', 'timeZone', 'timeZoneName', 'dateStyle', 'timeStyle', 'formatMatcher'];
  // What there is a usual way to write: w is the weekday.
  const WRITTEN = ['', 'w', 'y', 'm', 'd', 'md', 'ym', 'ymd', 'wmd', 'wymd'];
  const ZONES = /^(utc|gmt|etc\/(utc|gmt|uct|zulu)|uct|zulu|[+-]00:?00)$/i;

  // `needs` is what there has to be, and `usual` what is taken if there is nothing of it.
  const dateOptions = (locales, options, needs, usual) => {
    common(locales, options);
    onlyKnown(options, DATES);
    const fields = {
      weekday: choose(options, 'weekday', TEXTS), year: choose(options, 'year', ['numeric', '2-digit']),
      month: choose(options, 'month', ['numeric', '2-digit', ...TEXTS]), day: choose(options, 'day', ['numeric', '2-digit']),
      hour: choose(options, 'hour', ['numeric', '2-digit']), minute: choose(options, 'minute', ['numeric', '2-digit']),
      second: choose(options, 'second', ['numeric', '2-digit']),
      fraction: choose(options, 'fractionalSecondDigits', [1, 2, 3]),
      zone: choose(options, 'timeZoneName', ['short']),
    };
    if (options?.timeZone !== undefined && !ZONES.test(options.timeZone)) throw absent(`the time zone '${options.timeZone}'`);
    const cycle = choose(options, 'hourCycle', ['h12', 'h23'], 'h12');
    fields.twelve = options?.hour12 === undefined ? cycle === 'h12' : Boolean(options.hour12);
    // So it is in Node: who wants no twelve hours gets 24 at midnight, unless asked for by h23.
    fields.midnight = options?.hour12 === undefined ? 0 : 24;
    const [date, time] = [choose(options, 'dateStyle', STYLES), choose(options, 'timeStyle', STYLES)];
    if (date !== undefined || time !== undefined) {
      if ([...DATE, ...TIME, 'timeZoneName'].some((name) => options[name] !== undefined)) throw new TypeError(`Can't set option ${[...DATE, ...TIME, 'timeZoneName'].find((name) => options[name] !== undefined)} when ${date === undefined ? 'timeStyle' : 'dateStyle'} is used`);
      if (time !== undefined && needs === 'date' || date !== undefined && needs === 'time') throw new TypeError(`Invalid option : ${needs === 'date' ? 'timeStyle' : 'dateStyle'}`);
      if (time === 'full') throw absent("timeStyle: 'full'");
      if (date !== undefined) Object.assign(fields, { day: 'numeric', month: { short: 'numeric', medium: 'short' }[date] ?? 'long', year: date === 'short' ? '2-digit' : 'numeric', weekday: date === 'full' ? 'long' : undefined });
      if (time !== undefined) Object.assign(fields, { hour: 'numeric', minute: '2-digit', second: time === 'short' ? undefined : '2-digit', zone: time === 'long' ? 'short' : undefined });
      return fields;
    }
    const has = (names) => names.some((name) => options?.[name] !== undefined);
    if (needs === 'date' ? !has(DATE) : needs === 'time' ? !has(TIME) : !has([...DATE, ...TIME])) {
      if (usual !== 'time') Object.assign(fields, { year: 'numeric', month: 'numeric', day: 'numeric' });
      if (usual !== 'date') Object.assign(fields, { hour: 'numeric', minute: '2-digit', second: '2-digit' });
    }
    const which = `${fields.weekday ? 'w' : ''}${fields.year ? 'y' : ''}${fields.month ? 'm' : ''}${fields.day ? 'd' : ''}`;
    if (!WRITTEN.includes(which)) throw absent(`a date of ${DATE.filter((name) => fields[name] !== undefined).join(' and ')} alone`);
    if (fields.fraction !== undefined && fields.second === undefined) throw absent('fractionalSecondDigits without second');
    if (fields.hour !== undefined && fields.minute === undefined && fields.second !== undefined) throw absent('a time of hour and second alone');
    if (fields.zone !== undefined && fields.hour !== undefined && fields.minute === undefined && !fields.twelve) throw absent('timeZoneName with an hour alone');
    if (which === '' && fields.zone !== undefined && fields.hour === undefined) throw absent('timeZoneName without an hour');
    return fields;
  };
  const two = (number) => `${number}`.padStart(2, '0');
  const named = (names, at, how) => ({ long: names[at], short: names[at].slice(0, 3), narrow: names[at][0] })[how];
  const formatDate = (date, fields) => {
    const time = Number(date);
    if (Number.isNaN(time)) throw new RangeError('Invalid time value');
    const at = new Date(time);
    const { weekday, year, month, day, hour, minute, second, fraction, zone, twelve, midnight } = fields;
    const parts = {
      weekday: weekday && named(DAYS, at.getUTCDay(), weekday),
      year: year && (year === '2-digit' ? two(at.getUTCFullYear() % 100) : `${at.getUTCFullYear()}`),
      day: day && (day === '2-digit' ? two(at.getUTCDate()) : `${at.getUTCDate()}`),
    };
    let dated;
    if (TEXTS.includes(month)) {
      parts.month = named(MONTHS, at.getUTCMonth(), month);
      const ofMonth = parts.day === undefined ? parts.month : `${parts.month} ${parts.day}`;
      dated = [parts.weekday, parts.year === undefined ? ofMonth : parts.day === undefined ? `${ofMonth} ${parts.year}` : `${ofMonth}, ${parts.year}`];
    } else {
      parts.month = month && (month === '2-digit' ? two(at.getUTCMonth() + 1) : `${at.getUTCMonth() + 1}`);
      dated = [parts.weekday, [parts.month, parts.day, parts.year].filter((part) => part !== undefined).join('/')];
    }
    dated = dated.filter((part) => part !== undefined && part !== '').join(', ');

    let hours = at.getUTCHours();
    if (twelve) hours = hours % 12 === 0 ? 12 : hours % 12;
    else if (hours === 0) hours = midnight;
    const timed = [];
    if (hour !== undefined) timed.push(hour === '2-digit' || !twelve ? two(hours) : `${hours}`);
    if (minute !== undefined) timed.push(hour === undefined && second === undefined ? `${at.getUTCMinutes()}` : two(at.getUTCMinutes()));
    if (second !== undefined) timed.push(timed.length === 0 ? `${at.getUTCSeconds()}` : two(at.getUTCSeconds()));
    let clock = timed.join(':');
    if (fraction !== undefined) clock += `.${`${at.getUTCMilliseconds()}`.padStart(3, '0').slice(0, fraction)}`;
    if (hour !== undefined && twelve) clock += ` ${at.getUTCHours() < 12 ? 'AM' : 'PM'}`;
    if (zone !== undefined) clock += clock === '' ? 'UTC' : ' UTC';
    if (dated === '' || clock === '') return dated + clock;
    const between = month === 'long' ? ' at ' : dated === parts.weekday ? ' ' : ', ';
    return dated + between + clock;
  };

  // ---- The order of texts: what is like letters first, then accents, then small letters before capitals.

  const SIGNS = '_-,;:!?.\'"()[]{}@*/\\&#%`^+<=>|~';
  const rankOf = (character) => {
    if (/\s/.test(character)) return 0;
    const sign = SIGNS.indexOf(character);
    if (sign >= 0) return 1 + sign;
    const code = character.codePointAt(0);
    return (/\p{L}/u.test(character) ? 0x600000 : /\p{Nd}/u.test(character) ? 0x400000 : /\p{Sc}/u.test(character) ? 0x200000 : 0x100) + code;
  };
  const FOLDED = { ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o\u0338', đ: 'd', ł: 'l\u0335' };
  const keys = (text) => {
    const folded = text.normalize('NFD').toLowerCase().replace(/[ßæœøđł]/g, (character) => FOLDED[character]);
    return [[...folded.replace(/\p{Mn}/gu, '')].map(rankOf), [...folded].filter((character) => /\p{Mn}/u.test(character)).map((mark) => mark.codePointAt(0))];
  };
  const before = (one, other) => {
    for (let at = 0; at < Math.min(one.length, other.length); at += 1) {
      if (one[at] !== other[at]) return one[at] < other[at] ? -1 : 1;
    }
    return Math.sign(one.length - other.length);
  };
  const compare = (one, other) => {
    if (one === other) return 0;
    const [mine, its] = [keys(one), keys(other)];
    const different = before(mine[0], its[0]) || before(mine[1], its[1]);
    if (different !== 0) return different;
    const capital = (text) => [...text.normalize('NFD')].flatMap((character) => (FOLDED[character]?.length === 2 ? [1, 1] : character === character.toLowerCase() ? 0 : 1));
    return before(capital(one), capital(other));
  };

  // ---- Where they are asked for

  class NumberFormat {
    #options;
    constructor(locales, options) { this.#options = numberOptions(locales, options); }
    get format() { return (value) => formatNumber(numeric(value), this.#options); }
    resolvedOptions() {
      const { style, currency, whole, least, most, grouped } = this.#options;
      return {
        locale: 'en-US', numberingSystem: 'latn', style, ...(currency === undefined ? {} : { currency }), minimumIntegerDigits: whole,
        minimumFractionDigits: least, maximumFractionDigits: most, useGrouping: grouped && 'auto', notation: 'standard', signDisplay: 'auto',
      };
    }
  }
  class DateTimeFormat {
    #fields;
    constructor(locales, options) { this.#fields = dateOptions(locales, options, 'any', 'date'); }
    get format() { return (date) => formatDate(date === undefined ? Date.now() : date, this.#fields); }
    resolvedOptions() { return { locale: 'en-US', calendar: 'gregory', numberingSystem: 'latn', timeZone: 'UTC' }; }
  }
  class Collator {
    constructor(locales, options) {
      inEnglish(locales);
      onlyKnown(options, []);
    }
    get compare() { return (one, other) => compare(`${one}`, `${other}`); }
  }
  const Intl = {};
  for (const kind of [Collator, DateTimeFormat, NumberFormat]) {
    // They may be called without `new`.
    const made = function (...values) { return new kind(...values); };
    Object.defineProperty(made, 'name', { value: kind.name });
    Object.defineProperty(kind.prototype, 'constructor', { value: made, configurable: true, writable: true });
    Object.defineProperty(kind.prototype, Symbol.toStringTag, { value: `Intl.${kind.name}`, configurable: true });
    made.prototype = kind.prototype;
    made.supportedLocalesOf = (locales) => [locales ?? []].flat().filter((locale) => /^en(-us)?$/i.test(locale));
    for (const name of ['formatToParts', 'formatRange', 'formatRangeToParts']) {
      if (kind !== Collator) kind.prototype[name] = () => { throw absent(`Intl.${kind.name}.${name}`); };
    }
    Object.defineProperty(Intl, kind.name, { value: made, configurable: true, writable: true });
  }
  for (const name of ['DisplayNames', 'DurationFormat', 'ListFormat', 'Locale', 'PluralRules', 'RelativeTimeFormat', 'Segmenter']) {
    Object.defineProperty(Intl, name, { value: function () { throw absent(`Intl.${name}`); }, configurable: true, writable: true });
  }
  Object.defineProperty(Intl, Symbol.toStringTag, { value: 'Intl', configurable: true });
  internals.expose('Intl', Intl);

  const replace = (prototype, methods) => {
    for (const [name, value] of Object.entries(methods)) Object.defineProperty(prototype, name, { value, writable: true, configurable: true, enumerable: false });
  };
  // As the standard has it, they count none of these arguments.
  const { valueOf: numberOf } = Number.prototype;
  const { valueOf: bigOf } = BigInt.prototype;
  const { getTime } = Date.prototype;
  replace(Number.prototype, { toLocaleString() { return formatNumber(numberOf.call(this), numberOptions(arguments[0], arguments[1])); } });
  replace(BigInt.prototype, { toLocaleString() { return formatNumber(bigOf.call(this), numberOptions(arguments[0], arguments[1])); } });
  const shown = (date, [locales, options], needs, usual) => {
    const time = getTime.call(date);
    const fields = dateOptions(locales, options, needs, usual);
    return Number.isNaN(time) ? 'Invalid Date' : formatDate(time, fields);
  };
  replace(Date.prototype, {
    toLocaleString() { return shown(this, arguments, 'any', 'all'); },
    toLocaleDateString() { return shown(this, arguments, 'date', 'date'); },
    toLocaleTimeString() { return shown(this, arguments, 'time', 'time'); },
  });
  const { localeCompare: sameness, toLowerCase, toUpperCase } = String.prototype;
  // Languages whose letters have other capitals than Unicode's.
  const cased = (locales) => {
    const first = Array.isArray(locales) ? locales[0] : locales;
    if (first !== undefined && /^(az|el|lt|tr)(-|$)/i.test(first)) throw absent(`the locale '${first}'`);
  };
  replace(String.prototype, {
    localeCompare(other) {
      sameness.call(this, other);
      inEnglish(arguments[1]);
      onlyKnown(arguments[2], []);
      return compare(`${this}`, `${other}`);
    },
    toLocaleLowerCase() {
      cased(arguments[0]);
      return toLowerCase.call(this);
    },
    toLocaleUpperCase() {
      cased(arguments[0]);
      return toUpperCase.call(this);
    },
  });
})
