/** What the gateway decides by. */
import { gatewayStanding } from '../../ledger/gateway-standing.js';

/** Its statements: those of the ledger serve. */
export const GATEWAY_BOOK_STATEMENTS = [] as const;

/** Operations that change nothing. */
export const gatewayBookReads = { gatewayStanding } as const;
