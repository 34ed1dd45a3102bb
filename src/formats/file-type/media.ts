import type { Recogniser, Sample } from './sample.ts';

const PNG_COLORS: Record<number, string> = {
  0: 'grayscale',
  2: '/color RGB',
  3: ' colormap',
  4: 'gray+alpha',
  6: '/color RGBA',
};

function png(sample: Sample): string | undefined {
  if (!sample.startsWith('\x89PNG\r\n\x1a\n')) return undefined;
  if (!sample.startsWith('IHDR', 12)) return 'PNG image data (malformed)';
  const color = PNG_COLORS[sample.u8(25)] ?? '';
  const depth = `${sample.u8(24)}-bit${color.startsWith('/') || color.startsWith(' ') ? color : ` ${color}`}`;
  return `PNG image data, ${sample.u32(16, false)} x ${sample.u32(20, false)}, ${depth}, ${
    sample.u8(28) === 1 ? 'interlaced' : 'non-interlaced'
  }`;
}

function gif(sample: Sample): string | undefined {
  if (!sample.startsWith('GIF8')) return undefined;
  return `GIF image data, version 8${sample.text(4, 2)}, ${sample.u16(6)} x ${sample.u16(8)}`;
}

/** JPEG (ITU-T T.81) with JFIF and Exif: segments up to the frame. */
function jpeg(sample: Sample): string | undefined {
  if (!sample.startsWith('\xff\xd8\xff')) return undefined;
  let text = 'JPEG image data';
  for (let at = 2, n = 0; sample.u8(at) === 0xff && n < 1000; n++) {
    const marker = sample.u8(at + 1);
    const length = sample.u16(at + 2, false);
    if (length < 2) break;
    if (marker === 0xe0 && sample.startsWith('JFIF\0', at + 4)) {
      const unit = ['aspect ratio', 'resolution (DPI)', 'resolution (DPCM)'][sample.u8(at + 11)];
      text += `, JFIF standard ${sample.u8(at + 9)}.${String(sample.u8(at + 10)).padStart(2, '0')}`;
      if (unit !== undefined)
        text += `, ${unit}, density ${sample.u16(at + 12, false)}x${sample.u16(at + 14, false)}`;
      text += `, segment length ${length}`;
    } else if (marker === 0xe1 && sample.startsWith('Exif\0\0', at + 4) && !text.includes('JFIF')) {
      text += ', Exif standard';
    } else if (marker === 0xfe) {
      text += `, comment: "${sample.cString(at + 4, Math.min(length - 2, 64)).replace(/[^\x20-\x7e]/g, '?')}"`;
    } else if (marker >= 0xc0 && marker <= 0xc2) {
      const kind = ['baseline', 'extended sequential', 'progressive'][marker - 0xc0];
      const size = `${sample.u16(at + 7, false)}x${sample.u16(at + 5, false)}`;
      return `${text}, ${kind}, precision ${sample.u8(at + 4)}, ${size}, components ${sample.u8(at + 9)}`;
    }
    at += 2 + length;
  }
  return text;
}

/** Windows icons: a count, then an entry of 16 bytes for each. */
function icon(sample: Sample): string | undefined {
  if (sample.u32(0) !== 0x00010000 && sample.u32(0) !== 0x00020000) return undefined;
  const count = sample.u16(4);
  if (count < 1 || count > 64 || sample.u8(9) !== 0) return undefined;
  const entry = (i: number): string => {
    const at = 6 + i * 16;
    let text = `, ${sample.u8(at) || 256}x${sample.u8(at + 1) || 256}`;
    const offset = sample.u32(at + 12);
    if (sample.startsWith('\x89PNG', offset))
      text += ` with PNG image data, ${sample.u32(offset + 16, false)} x ${sample.u32(offset + 20, false)}`;
    if (sample.u8(at + 2) > 0) text += `, ${sample.u8(at + 2)} colors`;
    if (sample.u16(at + 6) > 0) text += `, ${sample.u16(at + 6)} bits/pixel`;
    return text;
  };
  const what = sample.u8(2) === 1 ? 'icon' : 'cursor';
  return `MS Windows ${what} resource - ${count} icon${count > 1 ? 's' : ''}${entry(0)}${count > 1 ? entry(1) : ''}`;
}

function images(sample: Sample): string | undefined {
  if (sample.startsWith('BM') && sample.u32(10) < 0x10000 && sample.u32(14) > 0 && sample.u32(14) < 256) {
    return `PC bitmap, Windows 3.x format, ${sample.u32(18)} x ${sample.u32(22)} x ${sample.u16(28)}`;
  }
  if (sample.startsWith('II*\0')) return 'TIFF image data, little-endian';
  if (sample.startsWith('MM\0*')) return 'TIFF image data, big-endian';
  if (sample.startsWith('RIFF') && sample.startsWith('WEBP', 8))
    return 'RIFF (little-endian) data, Web/P image';
  if (sample.startsWith('8BPS'))
    return `Adobe Photoshop Image, ${sample.u32(18, false)} x ${sample.u32(14, false)}`;
  const netpbm = /^P([1-6])\s+(?:#[^\n]*\n\s*)*(\d+)\s+(\d+)/.exec(sample.text(0, 200));
  if (netpbm !== null) {
    const kind = ['bitmap', 'greymap', 'pixmap'][(Number(netpbm[1]) - 1) % 3];
    const raw = Number(netpbm[1]) > 3 ? ', rawbits' : '';
    return `Netpbm image data, size = ${netpbm[2]} x ${netpbm[3]}${raw}, ${kind}`;
  }
  return undefined;
}

function documents(sample: Sample): string | undefined {
  const pdf = /%PDF-([\d.]+)/.exec(sample.text(0, 1024));
  if (pdf !== null && sample.startsWith('%PDF-')) {
    const pages = /\/Type\s*\/Pages\b[^>]*\/Count\s+(\d+)|\/Count\s+(\d+)[^>]*\/Type\s*\/Pages\b/.exec(
      sample.text(0, 16_384),
    );
    const count = pages?.[1] ?? pages?.[2];
    return `PDF document, version ${pdf[1]}${count === undefined ? '' : `, ${count} page(s)`}`;
  }
  if (sample.startsWith('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1')) return 'Composite Document File V2 Document';
  if (sample.startsWith('AT&TFORM')) return 'DjVu image or single page document';
  return undefined;
}

function sound(sample: Sample): string | undefined {
  if (sample.startsWith('RIFF') && sample.startsWith('WAVE', 8))
    return 'RIFF (little-endian) data, WAVE audio';
  if (sample.startsWith('RIFF') && sample.startsWith('AVI ', 8)) return 'RIFF (little-endian) data, AVI';
  if (sample.startsWith('RIFF')) return 'RIFF (little-endian) data';
  if (sample.startsWith('OggS')) return 'Ogg data';
  if (sample.startsWith('fLaC')) return 'FLAC audio bitstream data';
  if (sample.startsWith('ID3')) return `Audio file with ID3 version 2.${sample.u8(3)}.${sample.u8(4)}`;
  if (sample.startsWith('ftyp', 4)) return 'ISO Media';
  if (sample.startsWith('\x1aE\xdf\xa3'))
    return sample.text(0, 64).includes('webm') ? 'WebM' : 'Matroska data';
  return undefined;
}

function fonts(sample: Sample): string | undefined {
  if (sample.startsWith('OTTO')) return 'OpenType font data';
  if (sample.u32(0, false) === 0x00010000 && sample.u16(4, false) > 0 && sample.u16(4, false) < 64) {
    return `TrueType Font data, ${sample.u16(4, false)} tables, 1st "${sample.text(12, 4)}"`;
  }
  if (sample.startsWith('wOFF')) return 'Web Open Font Format';
  if (sample.startsWith('wOF2')) return 'Web Open Font Format (Version 2)';
  return undefined;
}

/** Pictures, sound, documents, fonts. */
export const media: readonly Recogniser[] = [png, gif, jpeg, icon, images, documents, sound, fonts];
