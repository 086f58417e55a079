/** How a box comes to run an evaluation server, as commands to copy. */

/** On the box. IMAGE is the production image, which only its owner can build. */
export const START_COMMANDS = `umask 077
echo "EVAL_AUTH_TOKEN=$(openssl rand -hex 32)" > eval-server.env
docker run --detach --name eval-server --gpus all --env-file eval-server.env --publish 127.0.0.1:8000:8000 IMAGE
cat eval-server.env`;

/** On this machine. */
export const TUNNEL_COMMAND = "ssh -N -L 8000:127.0.0.1:8000 USER@BOX";

/** The tunnel's end. */
export const TUNNEL_ADDRESS = "http://127.0.0.1:8000";
