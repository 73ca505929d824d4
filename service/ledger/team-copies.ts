/** Read copies of a team's controls and prices, read again only when their version moved. */
import { createTeamScope, type TeamScope } from '../compile/team-scope.js';
import { createPriceBook, type PriceBook } from '../pricing/price-book.js';
import { readPins } from './catalogue-uses.js';
import type { LedgerContext } from './context.js';
import { selectControls } from './control-rows.js';
import { selectPrices } from './prices.js';

/** The enabled controls of a team, compiled. */
export async function readTeamScope(context: LedgerContext, teamId: string, version: number): Promise<TeamScope> {
  const known = context.cache.scopes.get(teamId);
  if (known?.version === version) return known.scope;
  const scope = createTeamScope(await selectControls(context, teamId));
  context.cache.scopes.set(teamId, { version, scope });
  return scope;
}

/** The prices of a team. */
export async function readPriceBook(context: LedgerContext, teamId: string, version: number): Promise<PriceBook> {
  const known = context.cache.prices.get(teamId);
  if (known?.version === version) return known.book;
  const book = createPriceBook(await selectPrices(context, teamId), context.catalogue, await readPins(context, teamId));
  context.cache.prices.set(teamId, { version, book });
  return book;
}
