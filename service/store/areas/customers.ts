/** Who calls through the gateway: customers, their budgets and their keys. */
import {
  createCustomer,
  deleteCustomer,
  findCustomer,
  getCustomer,
  listCustomers,
  updateCustomer,
} from '../../ledger/customers.js';
import {
  createGatewayKey,
  findGatewayKey,
  getGatewayKey,
  listGatewayKeys,
  revokeGatewayKey,
  rotateGatewayKey,
} from '../../ledger/gateway-keys.js';

/** Their statements. */
export const CUSTOMER_STATEMENTS = [
  'count-customers',
  'count-gateway-keys',
  'delete-customer',
  'insert-customer',
  'insert-gateway-key',
  'list-customers',
  'list-gateway-keys',
  'revoke-customer-keys',
  'revoke-gateway-key',
  'rotate-gateway-key',
  'select-customer',
  'select-customer-by-email',
  'select-customer-by-number',
  'select-gateway-key',
  'select-gateway-key-by-hash',
  'select-last-customer-number',
  'update-customer',
] as const;

/** Operations that change nothing. */
export const customerReads = {
  findCustomer,
  findGatewayKey,
  getCustomer,
  getGatewayKey,
  listCustomers,
  listGatewayKeys,
} as const;

/** Operations that change something. */
export const customerWrites = {
  createCustomer,
  createGatewayKey,
  deleteCustomer,
  revokeGatewayKey,
  rotateGatewayKey,
  updateCustomer,
} as const;
