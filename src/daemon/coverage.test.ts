import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allActions } from '../actions/all.ts';
import { planned } from '../actions/plan.ts';
import { handleActions, handleAnswers } from '../handle/handle-actions.ts';
import { implementations } from './registry.ts';

function implemented(name: string): boolean {
  return Object.hasOwn(implementations, name) || handleAnswers(name);
}

test('every action has a class in the plan', () => {
  for (const { name } of allActions) assert.notEqual(planned(name), undefined, name);
});

test('every reading action has an implementation', () => {
  const without = allActions.filter(({ name }) => planned(name) === 'read' && !implemented(name));
  assert.deepEqual(
    without.map(({ name }) => name),
    [],
  );
});

test('a deprecated name works where the action works that replaces it', () => {
  const without = allActions.filter(
    ({ name, deprecatedBy }) =>
      planned(name) === 'alias' &&
      deprecatedBy !== undefined &&
      deprecatedBy !== '' &&
      planned(deprecatedBy) === 'read' &&
      !implemented(name),
  );
  assert.deepEqual(
    without.map(({ name }) => name),
    [],
  );
});

test('nothing is implemented that is no action', () => {
  const names = new Set(allActions.map(({ name }) => name));
  for (const name of [...Object.keys(implementations), ...Object.keys(handleActions)])
    assert.ok(names.has(name), name);
});
