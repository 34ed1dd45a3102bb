/**
 * Says what a file is in the words of file(1): a table of our own that covers what is found on servers.
 */
import { archives } from './archives.ts';
import { disks } from './disks.ts';
import { executables } from './executables.ts';
import { isCsv, isJson, recogniseLanguage } from './languages.ts';
import { media } from './media.ts';
import { records } from './records.ts';
import type { Recogniser, Sample } from './sample.ts';
import { recogniseText } from './text.ts';

export { Sample, SAMPLE_BYTES } from './sample.ts';

/** In order: the more certain the magic, the earlier. */
const RECOGNISERS: readonly Recogniser[] = [...executables, ...archives, ...media, ...records, ...disks];

/** Text types that have magic of their own and are looked for before text. */
export function fileType(sample: Sample): string {
  if (sample.size === 0) return 'empty';
  if (sample.size === 1) return 'very short file (no magic)';
  for (const recognise of RECOGNISERS) {
    const found = recognise(sample);
    if (found !== undefined) return found;
  }
  const text = recogniseText(sample.bytes);
  if (text === undefined) return 'data';
  if (text.code !== 'Non-ISO extended-ASCII' && text.code !== 'ISO-8859') {
    const all = sample.size === sample.bytes.length ? wholeText(sample, text.text) : text.text;
    if (isJson(all)) return 'JSON text data';
    if (isCsv(all)) return 'CSV text';
  }
  const language = recogniseLanguage(text.text);
  if (language?.alone) return language.name;
  const what = language === undefined ? '' : `${language.name}, `;
  return `${what}${text.code} text${language?.script ? ' executable' : ''}${text.details}`;
}

function wholeText(sample: Sample, start: string): string {
  return sample.bytes.length <= 65_536 ? start : new TextDecoder().decode(sample.bytes);
}
