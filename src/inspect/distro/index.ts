export { linuxRelease, type LinuxRelease } from './linux.ts';
export { freebsdRelease, minixRelease, netbsdRelease, openbsdRelease } from './others.ts';
