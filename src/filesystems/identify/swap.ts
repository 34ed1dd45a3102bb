import { raw, u32 } from '../../bytes/layout.ts';
import type { Magic, Signature, Tags } from './signature.ts';
import { fieldText, setText, setUuid } from './text.ts';
import type { Window } from './window.ts';
import { structure } from './structure.ts';

/** Page sizes of the machines that Linux runs on: the magic ends the first page. */
const PAGE_SIZES = [4096, 8192, 16384, 32768, 65536];
const MINIMUM = 10 * 4096;
const TUX_ON_ICE = '\xed\xc3\x02\xe9\x98\x56\xe5\x0c';

function pageEnds(...names: string[]): Magic[] {
  return PAGE_SIZES.flatMap((page) => names.map((bytes) => ({ at: page - 10, bytes })));
}

/** union swap_header of include/linux/swap.h, version 1; it starts 1024 bytes into the first page. */
const fields = {
  version: u32(0),
  last_page: u32(4),
  sws_uuid: raw(12, 16),
  sws_volume: raw(28, 16),
  padding32: u32(44 + 32 * 4),
  padding33: u32(44 + 33 * 4),
};
const SwapHeader = structure('swap_header', 512, 'le', fields);
const SwapHeaderBigEndian = structure('swap_header', 512, 'be', fields);

/** Label and UUID of the header; null where the header is none. */
function headerTags(window: Window, version: string): Tags | null {
  const bytes = window.read(1024, SwapHeader.size);
  if (bytes === null) return null;
  const header = SwapHeader.view(bytes);
  const big = SwapHeaderBigEndian.view(bytes);
  if (version === '1') {
    const sb = header.version === 1 ? header : big.version === 1 ? big : undefined;
    if (sb === undefined || sb.last_page === 0) return null;
  }
  const tags: Tags = {};
  // mkswap of old left boot code and other things where label and UUID are now; zeroes after them tell.
  if (header.padding32 === 0 && header.padding33 === 0) {
    setText(tags, 'LABEL', fieldText(header.sws_volume));
    setUuid(tags, 'UUID', header.sws_uuid);
  }
  tags['VERSION'] = version;
  return tags;
}

/** Swap space that holds a hibernated machine. */
export const suspended: Signature = {
  type: 'swsuspend',
  usage: 'other',
  minimumSize: MINIMUM,
  magics: [{ at: 0, bytes: TUX_ON_ICE }, ...pageEnds('S1SUSPEND', 'S2SUSPEND', 'ULSUSPEND', 'LINHIB0001')],
  probe(window, magic) {
    return headerTags(window, magic!.bytes === TUX_ON_ICE ? 'tuxonice' : magic!.bytes.toLowerCase());
  },
};

/** Swap space of the old and of the present version. */
export const swap: Signature = {
  type: 'swap',
  usage: 'other',
  minimumSize: MINIMUM,
  magics: pageEnds('SWAP-SPACE', 'SWAPSPACE2'),
  probe(window, magic) {
    if (window.has(0, TUX_ON_ICE)) return null;
    return magic!.bytes === 'SWAP-SPACE' ? { VERSION: '0' } : headerTags(window, '1');
  },
};
