// Secrets with a form of their own that runtime/detection does not know. Pure and linear: each form has an upper bound.
import { beginsAt } from '../../runtime/detection/edges.ts';

/** How issuers' documentation writes them. */
const FORMS = [
  // Slack: webhooks and app-level tokens.
  'hooks\\.slack\\.com/(?:services|workflows)/[\\w/-]{20,120}',
  'xapp-\\d-[\\w-]{20,200}',
  // Stripe, of webhooks.
  'whsec_[A-Za-z0-9+/=]{24,100}',
  // Google: OAuth clients and access tokens.
  'GOCSPX-[\\w-]{24,40}',
  'ya29\\.[\\w-]{20,1000}',
  // Discord's webhooks, Telegram's bots.
  'discord(?:app)?\\.com/api/webhooks/\\d{15,22}/[\\w-]{40,120}',
  '\\d{8,10}:AA[\\w-]{33}(?![\\w-])',
  // Microsoft Entra's client secrets, and signatures of Azure storage.
  '[\\w~.-]{3}[78]Q~[\\w~.-]{31,34}',
  '[?&]sig=[A-Za-z0-9%+/]{40,100}',
  'AC[0-9a-f]{32}:[0-9a-f]{32}',
  'shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}',
  'dapi[0-9a-f]{32}(?:-\\d)?',
  'key-[0-9a-f]{32}(?![0-9a-f])',
  '[0-9a-f]{32}-us\\d{1,2}(?!\\d)',
  'gl(?:ptt|dt|rt|oas|soat|ft|cbt)-[\\w-]{20,64}',
  'gl(?:sa|c)_[\\w=+/]{32,300}',
  'sntry[su]_[\\w=+/-]{40,300}',
  'dckr_pat_[\\w-]{20,64}',
  'rubygems_[0-9a-f]{48}',
  'ATATT3[\\w=-]{60,300}',
  'PMAK-[0-9a-f]{24}-[0-9a-f]{34}',
  'NRAK-[A-Z0-9]{27}',
  'lin_api_[A-Za-z0-9]{32,64}',
  'ntn_[A-Za-z0-9]{40,64}',
  '(?:gsk|r8|sbp)_[A-Za-z0-9]{32,64}',
  '(?:xai|pplx)-[A-Za-z0-9]{32,100}',
  'AGE-SECRET-KEY-1[A-Z0-9]{58}',
  'PuTTY-User-Key-File-\\d:',
];
const FORM = new RegExp(FORMS.map((form) => `(?:${form})`).join('|'), 'g');

/** Where they begin and end, by offset. */
export function* findSecretForms(text: string): Generator<{ readonly start: number; readonly end: number }, void> {
  for (const { index, 0: secret } of text.matchAll(FORM)) {
    if (beginsAt(text, index) || secret.startsWith('&') || secret.startsWith('?'))
      yield { start: index, end: index + secret.length };
  }
}
