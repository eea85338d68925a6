{ "includes": ["native/sys_socket.gypi"] }
