// The tools of the sample refund agent. A worker loads this module because COUNTERSIGN_TOOLS names it: every export is a tool.
export { lookUpOrder } from './look-up-order.ts';
export { refundOrder } from './refund-order.ts';
export { searchPolicy } from './search-policy.ts';
export { sendEmail } from './send-email.ts';
