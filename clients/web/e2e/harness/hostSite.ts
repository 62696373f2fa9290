import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A page of a host site. */
export interface HostPage {
  html: string;
  headers?: Record<string, string>;
}

/**
 * The web site of somebody else that has the bubble on its pages. It is at `localhost` while the service is at
 * `127.0.0.1`: another site as far as a browser is concerned, so the chat's frame is a third party in it.
 */
export class HostSite {
  /** The origin of the site. */
  origin = "";
  /** The reports of violated policies that browsers sent. */
  readonly reports: string[] = [];

  readonly #pages = new Map<string, HostPage>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      if (request.method === "POST") {
        let body = "";
        request.on("data", (chunk) => (body += chunk));
        request.on("end", () => {
          this.reports.push(body);
          response.writeHead(204).end();
        });
        return;
      }
      const page = this.#pages.get(new URL(request.url ?? "/", this.origin).pathname);
      if (page === undefined) {
        // A page without an icon is no failure of anybody's.
        response.writeHead(request.url === "/favicon.ico" ? 204 : 404).end();
        return;
      }
      response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", ...page.headers }).end(page.html);
    });
  }

  /** Opens a site without pages. */
  static async create(): Promise<HostSite> {
    const site = new HostSite();
    site.#server.listen(0, "localhost");
    await once(site.#server, "listening");
    site.origin = `http://localhost:${(site.#server.address() as AddressInfo).port}`;
    return site;
  }

  /** Adds a page and returns its address. */
  add(path: string, page: HostPage): string {
    this.#pages.set(path, page);
    return this.origin + path;
  }

  /** Ends the site. */
  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

/** The ordinary page of a site with the bubble on it. */
export function ordinaryPage(service: string): HostPage {
  return {
    html: `<!doctype html>
<html lang="fi">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kuvitteellinen kunta</title>
<script src="${service}/kupla-chat.js" async></script>
</head>
<body>
<main>
<h1>Kuvitteellinen kunta</h1>
<p>Tervetuloa sivuillemme. <a href="#palvelut">Palvelut</a></p>
</main>
<kupla-chat queue="emergency-help" lang="fi"></kupla-chat>
</body>
</html>`,
  };
}
