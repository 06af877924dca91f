// `send_email`: writes to a customer. The mail service takes no key, so it is tried once: if it does not answer, a person finds out.
import { defineTool } from 'countersign/tools';
import { z } from 'zod';
import { oneLine } from './arguments.ts';
import { askShop } from './shop-client.ts';

export const sendEmail = defineTool({
  name: 'send_email',
  description: 'Sends an e-mail to a customer. It cannot be called back.',
  input: z.object({
    to: z.email().max(200).describe('Address of the customer'),
    subject: z
      .string()
      .trim()
      .min(1)
      .max(200)
      .regex(/^[^\r\n]*$/, 'expected one line'),
    body: z.string().trim().min(1).max(10_000).describe('The text, plain'),
  }),
  risk: 'medium',
  // A document or a tool could name the address of somebody else.
  mustBeTrusted: ['to'],
  preview: ({ to, subject, body }) =>
    [`Send an e-mail to ${oneLine(to)}`, `Subject: ${oneLine(subject)}`, ...body.split('\n').map(quoted)].join('\n'),
  async run(args, context) {
    const reply = z.object({ id: z.string() });
    const mail = await askShop(context, { method: 'POST', path: '/mails', body: args, reply });
    return { mailId: mail.id, to: args.to };
  },
  receipt: ({ mailId }) => mailId,
});

const quoted = (line: string): string => `> ${oneLine(line)}`.trimEnd();
