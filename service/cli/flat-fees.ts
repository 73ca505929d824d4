/** Flat fees of a model: so much a request, and so much more for the model. Both are due for each request. */

import { usd } from '../ledger/spoken-amount.js';
import { CliUsageError } from './io.js';
import { decimalText, sumUsd } from './money.js';

/** A price, as far as its fees go. */
export interface FeeFields {
  readonly model: string;
  readonly [rate: string]: unknown;
}

/** Fees are small: four decimals at least. */
const DECIMALS_MIN = 4;
const AMOUNT = /^\d+(\.\d*)?$|^\.\d+$/;

/** The rates that `prices set MODEL PER_REQUEST PER_MODEL` declares. @throws CliUsageError */
export function feeRates(perRequest: string | undefined, perModel: string | undefined): Record<string, string> {
  return { ...fee('perRequest', 'PER_REQUEST', perRequest), ...fee('perModel', 'PER_MODEL', perModel) };
}

/** `llama3.2: $0.0010 a request + $0.0020 for the model = $0.0030 each request`; `undefined` where there are no fees. */
export function feesText(price: FeeFields): string | undefined {
  const request = amountOf(price['perRequest']);
  const model = amountOf(price['perModel']);
  if (request === undefined && model === undefined) return undefined;
  const money = (amount: string): string => usd(amount, DECIMALS_MIN);
  const parts = [
    ...(request === undefined ? [] : [`${money(request)} a request`]),
    ...(model === undefined ? [] : [`${money(model)} for the model`]),
  ];
  const sum = request === undefined || model === undefined ? '' : ` = ${money(sumUsd([request, model]))} each request`;
  return `${price.model}: ${parts.join(' + ')}${sum}`;
}

function fee(name: string, argument: string, text: string | undefined): Record<string, string> {
  if (text === undefined) return {};
  if (!AMOUNT.test(text)) throw new CliUsageError(`${argument} is an amount in US dollars like 0.001, not '${text}'`);
  return { [name]: text };
}

function amountOf(value: unknown): string | undefined {
  return typeof value === 'number' ? decimalText(value) : undefined;
}
