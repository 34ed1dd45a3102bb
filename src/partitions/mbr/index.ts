export { mbrRecords, TYPE_GPT_PROTECTIVE } from './layout.ts';
export { isMbr, readMbr, readMbrSector } from './reader.ts';
