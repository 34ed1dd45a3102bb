import { UnsupportedError } from '../../errors/index.ts';

/** Characters 0x80 to 0xff of the code pages of DOS that no decoder of the platform has. */
const TABLES: Readonly<Record<string, string>> = {
  437:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐' +
    '└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0',
  850:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐' +
    '└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0',
  852:
    'ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐' +
    '└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u00ad˝˛ˇ˘§÷¸°¨˙űŘř■\u00a0',
};

/** Code pages that every platform decodes. */
const DECODERS: Readonly<Record<string, string>> = {
  866: 'ibm866',
  874: 'windows-874',
  1250: 'windows-1250',
  1251: 'windows-1251',
  1252: 'windows-1252',
  1253: 'windows-1253',
  1254: 'windows-1254',
  1255: 'windows-1255',
  1256: 'windows-1256',
  1257: 'windows-1257',
  1258: 'windows-1258',
};

/** A code page of one byte a character: the characters of all bytes, and of all bytes in lower case. */
export interface CodePage {
  characters: readonly string[];
  lower: readonly string[];
}

/** The code page of a number; throws UnsupportedError where it is not known. */
export function codePage(number: string): CodePage {
  const high = TABLES[number] ?? decodedHigh(number);
  if (high === undefined) {
    const known = [...Object.keys(TABLES), ...Object.keys(DECODERS)].join(', ');
    throw new UnsupportedError(`code page ${number} of FAT is not known, expected one of ${known}`);
  }
  const characters = Array.from({ length: 256 }, (_, byte) =>
    byte < 128 ? String.fromCharCode(byte) : high[byte - 128]!,
  );
  const all = new Set(characters);
  // A small letter that the code page does not have cannot be shown: the capital stays.
  const lower = characters.map((character) => {
    const small = character.toLowerCase();
    return all.has(small) ? small : character;
  });
  return { characters, lower };
}

function decodedHigh(number: string): string | undefined {
  const label = DECODERS[number];
  if (label === undefined) return undefined;
  const bytes = Uint8Array.from({ length: 128 }, (_, i) => 128 + i);
  return new TextDecoder(label).decode(bytes).replaceAll('\ufffd', '?');
}
