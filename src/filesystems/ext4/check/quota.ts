import type { CheckState } from './state.ts';

export function checkQuotas(_state: CheckState): void {}
