/** Runs one tool as its command would: `tool-main.ts NAME ARGUMENT...`. */
import { start } from '../../src/tools/main.ts';

start(process.argv[2] ?? '', process.argv.slice(3));
