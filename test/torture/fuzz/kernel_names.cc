// The resolver under fuzz: lists of any length, names of any bytes, errors of every kind. Its memory has the exact
// size.
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "input.h"

using fuzz::input;

namespace {

// A NUL-terminated text of the input in memory of its exact size; sometimes null.
char* Text() {
  const uint8_t shape = input.Byte();
  if (shape > 240) return nullptr;
  const size_t size = shape % 64;
  auto* text = new char[size + 1];
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(1 + (input.Byte() % 255));
  text[size] = 0;
  return text;
}

// Reads a text from the addon; returns its length.
size_t Read(const char* text) { return text == nullptr ? 0 : std::strlen(text); }

// Memory of the caller, in which the entries of a database are built, as in their reentrant functions.
class Room {
 public:
  Room(char* data, size_t size) : data_(data), left_(size) {}
  void* Take(size_t size) {
    const size_t aligned = (size + 7) & ~size_t{7};
    if (aligned > left_) return nullptr;
    void* at = data_;
    data_ += aligned;
    left_ -= aligned;
    return at;
  }
  char* Text() {
    const size_t size = input.Byte();
    auto* text = static_cast<char*>(Take(size + 1));
    if (text == nullptr) return nullptr;
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(1 + (input.Byte() % 255));
    text[size] = 0;
    return text;
  }
  // A list that ends with a null pointer, of texts or of addresses of this size; null if there is no room for all of
  // it.
  char** List(size_t size) {
    const size_t count = input.Byte() % 8;
    auto** list = static_cast<char**>(Take((count + 1) * sizeof(char*)));
    if (list == nullptr) return nullptr;
    for (size_t i = 0; i < count; ++i) {
      list[i] = size == 0 ? Text() : static_cast<char*>(Take(size));
      if (list[i] == nullptr) return nullptr;
      if (size > 0) input.Take(reinterpret_cast<uint8_t*>(list[i]), size);
    }
    list[count] = nullptr;
    return list;
  }

 private:
  char* data_;
  size_t left_;
};

int Host(hostent* entry, char* memory, size_t size, hostent** found, int* h) {
  *found = nullptr;
  const uint8_t choice = input.Byte();
  if (choice > 200) {
    *h = static_cast<int>(choice % 6) - 1;
    return choice % 3 == 0 ? ERANGE : choice % 3 == 1 ? 0 : EAGAIN;
  }
  Room room(memory, size);
  entry->h_addrtype = choice % 2 == 0 ? AF_INET : AF_INET6;
  entry->h_length = choice % 2 == 0 ? sizeof(in_addr) : sizeof(in6_addr);
  entry->h_name = room.Text();
  entry->h_aliases = room.List(0);
  entry->h_addr_list = room.List(static_cast<size_t>(entry->h_length));
  if (entry->h_name == nullptr || entry->h_aliases == nullptr || entry->h_addr_list == nullptr) return ERANGE;
  *found = entry;
  return 0;
}

int Service(servent* entry, char* memory, size_t size, servent** found) {
  *found = nullptr;
  if (input.Byte() > 200) return input.Byte() % 2 == 0 ? ENOENT : ERANGE;
  Room room(memory, size);
  entry->s_name = room.Text();
  entry->s_aliases = room.List(0);
  entry->s_proto = room.Text();
  entry->s_port = static_cast<int>(input.Number());
  if (entry->s_name == nullptr || entry->s_aliases == nullptr || entry->s_proto == nullptr) return ERANGE;
  *found = entry;
  return 0;
}

int Protocol(protoent* entry, char* memory, size_t size, protoent** found) {
  *found = nullptr;
  if (input.Byte() > 200) return input.Byte() % 2 == 0 ? ENOENT : ERANGE;
  Room room(memory, size);
  entry->p_name = room.Text();
  entry->p_aliases = room.List(0);
  entry->p_proto = static_cast<int>(input.Number());
  if (entry->p_name == nullptr || entry->p_aliases == nullptr) return ERANGE;
  *found = entry;
  return 0;
}

size_t sink = 0;

}  // namespace

extern "C" {

int __wrap_getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** list) {
  sink += Read(node) + Read(service) + static_cast<size_t>(hints->ai_flags != 0);
  const uint8_t choice = input.Byte();
  if (choice > 220) {
    errno = EMFILE;
    return -static_cast<int>(choice % 13);
  }
  *list = nullptr;
  for (int i = choice % 5; i > 0; --i) {
    auto* info = new addrinfo{};
    info->ai_next = *list;
    info->ai_flags = static_cast<int>(input.Number());
    info->ai_family = input.Byte();
    info->ai_addrlen = input.Byte();
    auto* bytes = new uint8_t[info->ai_addrlen];
    input.Take(bytes, info->ai_addrlen);
    info->ai_addr = reinterpret_cast<sockaddr*>(bytes);
    info->ai_canonname = Text();
    *list = info;
  }
  return 0;
}

void __wrap_freeaddrinfo(addrinfo* list) {
  while (list != nullptr) {
    addrinfo* next = list->ai_next;
    delete[] reinterpret_cast<uint8_t*>(list->ai_addr);
    delete[] list->ai_canonname;
    delete list;
    list = next;
  }
}

int __wrap_getnameinfo(const sockaddr* name, socklen_t size, char* host, socklen_t host_size, char* service,
                       socklen_t service_size, int) {
  for (socklen_t i = 0; i < size; ++i) sink += reinterpret_cast<const volatile uint8_t*>(name)[i];
  if (input.Byte() > 220) return -static_cast<int>(input.Byte() % 13);
  const auto fill = [](char* text, size_t room) {
    const size_t length = (input.Number() % room);
    for (size_t i = 0; i < length; ++i) text[i] = static_cast<char>(1 + (input.Byte() % 255));
    text[length] = 0;
  };
  fill(host, host_size);
  fill(service, service_size);
  return 0;
}

int __wrap_gethostbyname2_r(const char* name, int, hostent* entry, char* memory, size_t size, hostent** found, int* h) {
  sink += Read(name);
  return Host(entry, memory, size, found, h);
}

int __wrap_gethostbyaddr_r(const void* address, socklen_t length, int, hostent* entry, char* memory, size_t size,
                           hostent** found, int* h) {
  for (socklen_t i = 0; i < length; ++i) sink += static_cast<const volatile uint8_t*>(address)[i];
  return Host(entry, memory, size, found, h);
}

int __wrap_getservbyname_r(const char* name, const char* protocol, servent* entry, char* memory, size_t size,
                           servent** found) {
  sink += Read(name) + Read(protocol);
  return Service(entry, memory, size, found);
}

int __wrap_getservbyport_r(int, const char* protocol, servent* entry, char* memory, size_t size, servent** found) {
  sink += Read(protocol);
  return Service(entry, memory, size, found);
}

int __wrap_getprotobyname_r(const char* name, protoent* entry, char* memory, size_t size, protoent** found) {
  sink += Read(name);
  return Protocol(entry, memory, size, found);
}

int __wrap_getprotobynumber_r(int, protoent* entry, char* memory, size_t size, protoent** found) {
  return Protocol(entry, memory, size, found);
}

int __wrap_gethostname(char* name, size_t size) {
  if (input.Byte() > 220) {
    errno = ENAMETOOLONG;
    return -1;
  }
  for (size_t i = 0; i < size; ++i) name[i] = static_cast<char>(input.Byte());
  return 0;
}

}  // extern "C"
