export { hasGptMagic, readGpt } from './reader.ts';
