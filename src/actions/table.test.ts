import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { allActions } from './all.ts';
import { actionEntry, actionNames, camelCase, methodAliases } from './table.ts';

describe('the packed table', () => {
  test('unpacks to the records without their words', () => {
    assert.deepEqual(
      actionNames,
      allActions.map((action) => action.name),
    );
    for (const { summary: _s, description: _d, since: _v, ...expected } of allActions) {
      assert.deepEqual(actionEntry(expected.name), expected);
    }
  });

  test('finds an action by its other names', () => {
    assert.equal(actionEntry('mkfs_opts')?.name, 'mkfs');
    assert.equal(actionEntry('no_such_action'), undefined);
    assert.equal(methodAliases().size, 17);
  });

  test('camelCase keeps letters other than those after an underscore', () => {
    assert.equal(camelCase('mke2fs_JL'), 'mke2fsJL');
    assert.equal(camelCase('ntfs_3g_probe'), 'ntfs3gProbe');
    assert.equal(camelCase('hivex_node_h'), 'hivexNodeH');
  });
});
