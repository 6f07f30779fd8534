// SPDX-License-Identifier: LGPL-2.1-or-later
// The same exchange as floor-server's, by node's ws: a poll is parked, and a byte on standard input answers all of them with one prepared
// message of synoptic.v1. Without compression.   node ws-server.js SNAPSHOT_BYTES
'use strict';
const { WebSocketServer } = require(process.env.NODE_WS || '/usr/share/nodejs/ws');
const http = require('http');

const bytes = parseInt(process.argv[2], 10);
const message = Buffer.alloc(16 + bytes);
message[0] = 0x81;
message[1] = 1;
message.writeUInt32LE(1, 4);
message.writeUInt32LE(bytes, 8);
message.write('SYNS', 16);
message.writeBigUInt64LE(1n, 24);

const waiting = new Set();
const server = http.createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false, handleProtocols: () => 'synoptic.v1' });
let serial = 0n;

sockets.on('connection', (socket) => {
  socket.on('message', (data) => {
    if (data[0] === 1)
      waiting.add(socket);
  });
  socket.on('close', () => waiting.delete(socket));
});

process.stdin.on('data', () => {
  const all = [...waiting];
  waiting.clear();
  message.writeBigUInt64LE(++serial, 32);
  for (const socket of all)
    socket.send(message);
});
process.stdin.on('end', () => process.exit(0));
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
