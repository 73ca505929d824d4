/** A price list's difference as text for the store. */
import type { DeclaredPrice } from '../store/store.js';
import type { RateMove } from './price-change.js';
import type { ListedChange } from './price-list.js';
import { decodeRates, encodeRates } from './rates-json.js';

type Plain = Omit<ListedChange, 'price' | 'moves'> & {
  readonly price: Omit<DeclaredPrice, 'rates'> & { readonly rates: string };
  readonly moves: readonly (Omit<RateMove, 'oldPicoUsd' | 'newPicoUsd'> & {
    readonly oldPicoUsd: string | null;
    readonly newPicoUsd: string | null;
  })[];
};

/** Integers as decimal text. */
export function encodeChanges(changes: readonly ListedChange[]): string {
  const plain = changes.map(
    ({ price, moves, ...others }): Plain => ({
      ...others,
      price: { ...price, rates: encodeRates(price.rates) },
      moves: moves.map((move) => ({
        ...move,
        oldPicoUsd: move.oldPicoUsd === null ? null : String(move.oldPicoUsd),
        newPicoUsd: move.newPicoUsd === null ? null : String(move.newPicoUsd),
      })),
    }),
  );
  return JSON.stringify(plain);
}

/** The inverse of {@link encodeChanges}. */
export function decodeChanges(text: string): readonly ListedChange[] {
  return (JSON.parse(text) as readonly Plain[]).map(({ price, moves, ...others }) => ({
    ...others,
    price: { ...price, rates: decodeRates(price.rates) },
    moves: moves.map((move) => ({
      ...move,
      oldPicoUsd: move.oldPicoUsd === null ? null : BigInt(move.oldPicoUsd),
      newPicoUsd: move.newPicoUsd === null ? null : BigInt(move.newPicoUsd),
    })),
  }));
}
