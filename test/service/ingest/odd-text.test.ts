import { describe, expect, it } from 'vitest';
import { wellFormed } from '../../../service/http/well-formed.js';
import { cutText } from '../../../service/ingest/cut-text.js';
import { STORES } from '../../helpers/stores.js';
import { oddTextSuite } from './odd-text-suite.js';

oddTextSuite(STORES);

describe('cutText', () => {
  it.each([
    ['short', 10, 30, 'short'],
    ['exactly', 7, 7, 'exactly'],
    ['ab\u{1F600}', 3, 30, 'ab'],
    ['ab\u{1F600}', 4, 5, 'ab'],
    ['äöü', 9, 5, 'äö'],
    ['\ufeffäöü', 9, 6, '\ufeffä'],
  ])('%s to %i characters and %i bytes', (text, characters, bytes, cut) => {
    expect(cutText(text, characters, bytes)).toBe(cut);
  });
});

describe('wellFormed', () => {
  const read = (text: string) => wellFormed(JSON.parse(text), text);

  it('mends texts and names, wherever they are', () => {
    expect(read('{"a":["\\ud83d\\ude00","\\uDE00\\ud83d"],"\\ud800":{"b":"\\udfff"}}')).toEqual({
      a: ['\u{1F600}', '\ufffd\ufffd'],
      '\ufffd': { b: '\ufffd' },
    });
  });

  it('leaves everything else as it is', () => {
    expect(read('["\u{1F600}",1,null,true,"\\\\ud800"]')).toEqual(['\u{1F600}', 1, null, true, '\\ud800']);
  });
});
