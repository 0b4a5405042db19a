/* Stands in for the system's resolver: tells every name that was asked for, and answers as a test says.
 *
 * NAMES_LOG is a file to which each name is added, one a line. NAMES is a list `name=answer,answer;name=…`: the first
 * question gets the first answer, the next one the next, and the last answer stays. An answer is IPv4 addresses joined by
 * `+`. A name that is not there does not exist, and one with `.stuck.` in it is never answered.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { char name[256]; int asked; } seen[64];

static void tell(const char *name) {
    const char *path = getenv("NAMES_LOG");
    char line[300];
    int file;
    if (!path || (file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) < 0)
        return;
    size_t length = strnlen(name, sizeof line - 2);
    memcpy(line, name, length);
    line[length] = '\n';
    if (write(file, line, length + 1) < 0) { /* the test will miss it */ }
    close(file);
}

/* How often this name was asked for before. */
static int count(const char *name) {
    int before = 0;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
        if (!seen[i].name[0])
            strncpy(seen[i].name, name, sizeof seen[i].name - 1);
        if (!strcmp(seen[i].name, name)) {
            before = seen[i].asked++;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    return before;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    (void)hints;
    *found = NULL;
    if (!node)
        return EAI_NONAME;
    tell(node);
    if (strstr(node, ".stuck."))
        sleep(3600);
    char *script = strdup(getenv("NAMES") ? getenv("NAMES") : "");
    char *entry, *rest = script, answer[256] = "";
    while ((entry = strsep(&rest, ";"))) {
        char *answers = strchr(entry, '=');
        if (!answers)
            continue;
        *answers++ = 0;
        if (strcmp(entry, node))
            continue;
        int before = count(node);
        char *next;
        while ((next = strsep(&answers, ","))) {
            strncpy(answer, next, sizeof answer - 1);
            if (!before--)
                break;
        }
        break;
    }
    free(script);
    struct addrinfo **end = found;
    char *address, *addresses = answer;
    while (answer[0] && (address = strsep(&addresses, "+"))) {
        struct addrinfo *info = calloc(1, sizeof *info);
        struct sockaddr_in *to = calloc(1, sizeof *to);
        to->sin_family = AF_INET;
        to->sin_port = htons(service ? (unsigned short)atoi(service) : 0);
        inet_pton(AF_INET, address, &to->sin_addr);
        info->ai_family = AF_INET;
        info->ai_socktype = SOCK_STREAM;
        info->ai_addrlen = sizeof *to;
        info->ai_addr = (struct sockaddr *)to;
        *end = info;
        end = &info->ai_next;
    }
    return *found ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *info) {
    while (info) {
        struct addrinfo *next = info->ai_next;
        free(info->ai_addr);
        free(info);
        info = next;
    }
}
