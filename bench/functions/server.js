// What it is measured beside: the same handler behind Node's own HTTP server, on connections that stay open.
const http = require("node:http");
const { handler } = require("./app.js");

const server = http.createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", async () => {
    const result = JSON.stringify(await handler(JSON.parse(Buffer.concat(pieces))));
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(result) });
    response.end(result);
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
