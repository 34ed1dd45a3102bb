/**
 * Reads XML that another program of the host wrote: elements, attributes and text. Strict, and without what makes XML
 * dangerous: a document type, and with it entities of its own, is refused. Size, depth and number of elements are bounded.
 * Source: XML 1.0 of the W3C.
 */
import { CorruptError } from '../../errors/index.ts';

/** An element with what is in it. */
export interface XmlElement {
  name: string;
  attributes: ReadonlyMap<string, string>;
  children: XmlElement[];
  /** The text directly in it, all parts joined. */
  text: string;
}

/** Characters of a document: as many bytes as libvirt itself takes from its peers. */
export const MAX_XML = 4 * 1024 * 1024;
const MAX_DEPTH = 64;
const MAX_ELEMENTS = 200_000;
const NAME = '[A-Za-z_:\\u0080-\\uffff][\\w:.\\-\\u0080-\\uffff]*';
const OPENING = new RegExp(`<(${NAME})`, 'y');
const ATTRIBUTE = new RegExp(`\\s+(${NAME})\\s*=\\s*(?:"([^"<]*)"|'([^'<]*)')`, 'y');
const OPENING_END = /\s*(\/?)>/y;
const CLOSING = new RegExp(`</(${NAME})\\s*>`, 'y');
/** Characters that no document may have. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f]/;
/** Characters of the longest reference, as in `#x10ffff`. */
const REFERENCE_MAX = 10;
const KNOWN: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** The root element of a document. Throws CorruptError, with the offset, for anything that is not plain XML. */
export function parseXml(document: string): XmlElement {
  if (document.length > MAX_XML) throw broken(MAX_XML, `the document is longer than ${MAX_XML} characters`);
  const control = document.search(CONTROL);
  if (control >= 0) throw broken(control, 'a control character is found');
  const top: XmlElement = { name: '', attributes: new Map(), children: [], text: '' };
  const open = [top];
  let elements = 0;
  let at = document.startsWith('\ufeff') ? 1 : 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(document);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  const skipPast = (end: string, what: string): string => {
    const found = document.indexOf(end, at);
    if (found < 0) throw broken(at, `${what} does not end`);
    const text = document.slice(at, found);
    at = found + end.length;
    return text;
  };
  while (at < document.length) {
    const parent = open.at(-1) as XmlElement;
    if (document[at] !== '<') {
      const next = document.indexOf('<', at);
      const text = document.slice(at, next < 0 ? document.length : next);
      if (open.length === 1 && text.trim() !== '') throw broken(at, 'text outside of the root element');
      parent.text += decode(text, at);
      at += text.length;
    } else if (document.startsWith('<!--', at)) {
      at += 4;
      skipPast('-->', 'a comment');
    } else if (document.startsWith('<![CDATA[', at) && open.length > 1) {
      at += 9;
      parent.text += skipPast(']]>', 'a CDATA section');
    } else if (document.startsWith('<?', at)) {
      skipPast('?>', 'a processing instruction');
    } else if (document.startsWith('</', at)) {
      const start = at;
      const name = match(CLOSING)?.[1];
      if (open.length === 1 || name !== parent.name) {
        throw broken(start, `</${name ?? '?'}> is found, expected </${parent.name}>`);
      }
      open.pop();
    } else {
      const start = at;
      const name = match(OPENING)?.[1];
      if (name === undefined) throw broken(start, unexpected(document, start));
      if (open.length > MAX_DEPTH) throw broken(start, `elements are deeper than ${MAX_DEPTH}`);
      if (++elements > MAX_ELEMENTS) throw broken(start, `there are more than ${MAX_ELEMENTS} elements`);
      if (open.length === 1 && top.children.length > 0) throw broken(start, 'a second root element');
      const attributes = new Map<string, string>();
      for (let found = match(ATTRIBUTE); found !== null; found = match(ATTRIBUTE)) {
        const key = found[1] as string;
        if (attributes.has(key)) throw broken(start, `the attribute ${key} of ${name} is there twice`);
        attributes.set(key, decode(found[2] ?? found[3] ?? '', start));
      }
      const end = match(OPENING_END);
      if (end === null) throw broken(at, `the tag of ${name} is not well-formed`);
      const element: XmlElement = { name, attributes, children: [], text: '' };
      parent.children.push(element);
      if (end[1] === '') open.push(element);
    }
  }
  const [root] = top.children;
  if (open.length > 1) throw broken(at, `the document ends within ${(open.at(-1) as XmlElement).name}`);
  if (root === undefined) throw broken(at, 'there is no element');
  return root;
}

/** The first element of a name that is directly in another. */
export function child(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((each) => each.name === name);
}

/** What stands where an element was expected. */
function unexpected(document: string, at: number): string {
  return document.startsWith('<!', at)
    ? 'a document type or the like is found, which is refused: it could define entities'
    : 'neither an element nor text is found';
}

function decode(text: string, at: number): string {
  let decoded = '';
  let from = 0;
  for (let start = text.indexOf('&'); start >= 0; start = text.indexOf('&', from)) {
    const reference = text.slice(start + 1, start + 2 + REFERENCE_MAX);
    const end = reference.indexOf(';');
    const character = end < 0 ? undefined : referred(reference.slice(0, end));
    if (character === undefined) {
      throw broken(at, `&${end < 0 ? '' : reference.slice(0, end)} is no entity that is known`);
    }
    decoded += text.slice(from, start) + character;
    from = start + end + 2;
  }
  return from === 0 ? text : decoded + text.slice(from);
}

/** The character that a reference means; undefined where it means none. */
function referred(name: string): string | undefined {
  if (Object.hasOwn(KNOWN, name)) return KNOWN[name];
  const [, hexadecimal, decimal] = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(name) ?? [];
  if (hexadecimal === undefined && decimal === undefined) return undefined;
  const code = hexadecimal === undefined ? Number(decimal) : parseInt(hexadecimal, 16);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  const character = String.fromCodePoint(code);
  return CONTROL.test(character) ? undefined : character;
}

function broken(offset: number, words: string): CorruptError {
  return new CorruptError('XML', `${words}, at ${offset}`, { offset });
}
