/**
 * Writes `wasm.ts`: the WebAssembly build of the zstd decoder that the package zstddec (MIT; zstd itself
 * BSD-3-Clause) carries. It is kept here because the package starts only asynchronously and does not export the
 * module itself. Run: `tsx src/compression/zstd/make-wasm.ts` after changing the version of zstddec.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const source = readFileSync(
  new URL('../../../node_modules/zstddec/dist/zstddec-stream.mjs', import.meta.url),
  'utf8',
);
const manifest = JSON.parse(
  readFileSync(new URL('../../../node_modules/zstddec/package.json', import.meta.url), 'utf8'),
) as { version: string };
const found = /const wasm = "([A-Za-z0-9+/=]+)"/.exec(source)?.[1];
if (found === undefined) throw new Error('zstddec-stream.mjs holds no WebAssembly module');
writeFileSync(
  fileURLToPath(new URL('wasm.ts', import.meta.url)),
  `// Written by make-wasm.ts from zstddec ${manifest.version}; do not edit. Licences: THIRD-PARTY-NOTICES.md.\n` +
    '/** The zstd decoder as a WebAssembly module, in base64. */\n' +
    `// prettier-ignore\nexport const ZSTD_WASM =\n  '${found}';\n`,
);
